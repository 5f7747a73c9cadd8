"""A verdict as Markdown, JUnit XML and JSON: failures first, then the command that accepts the new figures."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree

from kdbench.analyze import GateEntry, Status, Verdict
from kdbench.analyze.gate.verdict import FIGURES
from kdbench.report.writing import formats as f
from kdbench.report.writing.markdown import markdown_table, markdown_text
from kdbench.report.writing.tables import Cell, Column, Table
from kdbench.results.store import write_whole
from kdbench.spec import PART
from kdbench.spec.comparison import OfSeeds

ORDER: tuple[Status, ...] = ("regressed", "invalid", "inconclusive", "unjudged", "pass")
SIGNS: dict[Status, str] = {
    "regressed": "❌ regressed",
    "invalid": "⚠️ invalid",
    "inconclusive": "❔ inconclusive",
    "unjudged": "ℹ️ not judged",
    "pass": "✅ pass",
}
HEADLINES = {
    "regressed": "Regression",
    "invalid": "Not comparable with this baseline",
    "inconclusive": "Inconclusive, not a pass",
    "pass": "No regression",
}
ELEMENTS: dict[Status, str] = {
    "regressed": "failure",
    "invalid": "error",
    "inconclusive": "skipped",
    "unjudged": "skipped",
}


def render_verdict(verdict: Verdict, folder: Path) -> dict[str, Path]:
    """Write `verdict.md`, `verdict.json` and `verdict.xml`; their paths by 'markdown', 'json' and 'junit'."""
    written = {
        name: folder / f"verdict.{end}" for name, end in (("markdown", "md"), ("json", "json"), ("junit", "xml"))
    }
    write_whole(written["markdown"], verdict_markdown(verdict))
    write_whole(written["json"], verdict_json(verdict))
    write_whole(written["junit"], verdict_junit(verdict))
    return written


def verdict_markdown(verdict: Verdict) -> str:
    """A headline, what the gate could see, a table, the notes, and the commands that freeze a new baseline."""
    numbers = [(sum(entry.status == status for entry in verdict.entries), status) for status in ORDER]
    counts = ", ".join(f"{n} {status.replace('unjudged', 'not judged')}" for n, status in numbers if n)
    headline = HEADLINES[verdict.status] if verdict.measured else "Nothing was measured"
    if verdict.status == "pass" and any(entry.status == "unjudged" for entry in verdict.entries):
        headline = "No regression in what was judged"
    lines = [f"## {headline}: {markdown_text(verdict.suite)}", "", f"{counts or 'no entries'}.", ""]
    if warning := undecided(verdict):
        lines += [f"**{warning}**", ""]
    if verdict.sees:
        lines += [markdown_text(verdict.sees), ""]
    if verdict.entries:
        lines += [markdown_table(_table(verdict)), ""]
    if verdict.notes:
        lines += [
            "Differences that do not affect the verdict:",
            "",
            *(f"- {markdown_text(note)}" for note in verdict.notes),
            "",
        ]
    lines += [
        "To freeze the present figures as the new baseline (trials that are done are not trained again):",
        "",
        "```sh",
        f"{rebaseline(verdict)}",
        "```",
    ]
    return "\n".join(lines) + "\n"


def undecided(verdict: Verdict) -> str:
    """For an inconclusive check: how much of it decided nothing, and the exit codes; otherwise empty."""
    if verdict.status != "inconclusive" or not verdict.measured:
        return ""
    open_ones = sum(entry.status == "inconclusive" for entry in verdict.entries)
    return (
        f"{open_ones} of {len(verdict.entries)} figures could not be decided: a regression may hide in them. "
        "The exit code is 0, and 4 with --strict, which CI should use."
    )


def rebaseline(verdict: Verdict) -> str:
    """The commands that measure and freeze; a baseline is never edited, hence a new folder.

    The run comes first because the results of `check --fresh` are deleted; where results were kept, it trains nothing.
    """
    part = " --part" if PART in verdict.suite else ""
    freeze = f"kdbench baseline {verdict.suite}{part} --to baselines/{verdict.suite}-new"
    return f"kdbench run {verdict.asked or verdict.suite} && {freeze}"


def verdict_json(verdict: Verdict) -> str:
    """Status, exit codes, and every entry with its figures and bounds."""
    content = {
        "suite": verdict.suite,
        "status": verdict.status,
        "exit_code": verdict.exit_code(strict=False),
        "exit_code_strict": verdict.exit_code(strict=True),
        "measured": verdict.measured,
        "sees": verdict.sees,
        "entries": [asdict(entry) for entry in _sorted(verdict)],
        "notes": list(verdict.notes),
        "rebaseline": rebaseline(verdict),
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def verdict_junit(verdict: Verdict) -> str:
    """JUnit XML: regressed is a failure, inconclusive and unjudged are skipped, invalid is an error."""
    by_status = {status: sum(entry.status == status for entry in verdict.entries) for status in ORDER}
    counts = {
        "tests": str(len(verdict.entries)),
        "failures": str(by_status["regressed"]),
        "errors": str(by_status["invalid"]),
        "skipped": str(by_status["inconclusive"] + by_status["unjudged"]),
    }
    root = ElementTree.Element("testsuites", counts)
    suite = ElementTree.SubElement(root, "testsuite", {"name": f"kdbench check {_xml(verdict.suite)}", **counts})
    for entry in _sorted(verdict):
        names = {"classname": f"kdbench.{FIGURES[entry.kind]}", "name": f"{FIGURES[entry.kind]}: {_xml(entry.what)}"}
        case = ElementTree.SubElement(suite, "testcase", names)
        message = _xml(f"inconclusive: {entry.message}" if entry.status == "inconclusive" else entry.message)
        if element := ELEMENTS.get(entry.status):
            ElementTree.SubElement(case, element, {"message": message}).text = message
        else:
            ElementTree.SubElement(case, "system-out").text = message
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _sorted(verdict: Verdict) -> list[GateEntry]:
    return sorted(verdict.entries, key=lambda entry: ORDER.index(entry.status))


def _table(verdict: Verdict) -> Table:
    heads = ("Verdict", "Figure", "Of", "Baseline", "Now", "What was found")
    columns = tuple(Column(head, numeric=head in ("Baseline", "Now")) for head in heads)
    rows = tuple(
        (
            Cell(SIGNS[entry.status]),
            Cell(FIGURES[entry.kind]),
            Cell(entry.what),
            Cell(_figure(entry, entry.baseline)),
            Cell(_figure(entry, entry.current)),
            Cell(entry.message),
        )
        for entry in _sorted(verdict)
    )
    return Table("verdict", "Verdict", columns, rows)


def _figure(entry: GateEntry, value: float | None) -> str:
    if value is None:
        return f.NONE
    if entry.kind == "training_seconds":
        return f"{value:.3g} s"
    return f.percent(value) if entry.kind in get_args(OfSeeds) else f"{value:,.0f}"


def _xml(text: str) -> str:
    """Without the control characters that XML 1.0 cannot hold, such as the colours of a traceback."""
    return "".join(
        c for c in text if c in "\t\n\r" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff"
    )
