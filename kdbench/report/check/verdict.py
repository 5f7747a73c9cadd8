"""A verdict as Markdown and JSON: failures first, then the command that accepts the new figures."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import get_args

from kdbench.analyze import GateEntry, Status, Verdict
from kdbench.analyze.gate.verdict import FIGURES, WORST_FIRST
from kdbench.report.check.junit import verdict_junit
from kdbench.report.writing import formats as f
from kdbench.report.writing.markdown import markdown_code, markdown_table, markdown_text
from kdbench.report.writing.tables import Cell, Column, Table
from kdbench.results.store import write_whole
from kdbench.spec import UserError
from kdbench.spec.comparison import OfSeeds

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


FILES = {"markdown": "verdict.md", "json": "verdict.json", "junit": "verdict.xml"}


def remove_verdict(folder: Path) -> None:
    """Remove what an earlier check wrote, so that nobody takes it for the verdict of one that comes to none."""
    for file in FILES.values() if folder.is_dir() else ():
        (folder / file).unlink(missing_ok=True)


def render_verdict(verdict: Verdict, folder: Path, *, strict: bool = False) -> dict[str, Path]:
    """Write `verdict.md`, `verdict.json` and `verdict.xml`; their paths by 'markdown', 'json' and 'junit'."""
    written = {name: folder / file for name, file in FILES.items()}
    write_whole(written["markdown"], verdict_markdown(verdict, strict=strict))
    write_whole(written["json"], verdict_json(verdict))
    write_whole(written["junit"], verdict_junit(verdict))
    return written


def verdict_markdown(verdict: Verdict, *, strict: bool = False) -> str:
    """A headline, what the gate could see, a table, what changed, and the commands that freeze a new baseline."""
    numbers = [(sum(entry.status == status for entry in verdict.entries), status) for status in WORST_FIRST]
    counts = ", ".join(f"{n} {status.replace('unjudged', 'not judged')}" for n, status in numbers if n)
    lines = [f"## {headline(verdict)}: {markdown_text(verdict.suite)}", "", f"{counts or 'no entries'}.", ""]
    if warning := undecided(verdict, strict=strict):
        lines += [f"**{warning}**", ""]
    lines += [markdown_text(f"{verdict.covers} {verdict.sees}".strip()), ""] if verdict.covers or verdict.sees else []
    lines += [markdown_table(figures_table(verdict)), ""] if verdict.entries else []
    better = [entry.sentence for entry in verdict.improvements]
    for title, found in (
        ("What changed since the baseline:", what_changed(verdict)),
        ("Better than the baseline, which holds this only once it is frozen anew:", better),
        ("In the suite and not in the baseline, so not judged:", verdict.beyond),
        ("Differences that do not affect the verdict:", verdict.notes),
    ):
        lines += [title, "", *(f"- {markdown_text(each)}" for each in found), ""] if found else []
    if accepting := _accepting(verdict):
        lines += [f"{accepting} (trials that are done are not trained again):", ""]
        lines += [markdown_code(verdict.rebaseline, "sh")]
    return "\n".join(lines) + "\n"


def refusal_markdown(error: UserError, suite: str) -> str:
    """Of a check that came to no verdict, why."""
    ended = f"The check ended with exit code {error.exit_code} before it compared anything:"
    return f"## No verdict: {markdown_text(suite)}\n\n{ended}\n\n{markdown_code(str(error))}\n"


def verdict_text(verdict: Verdict) -> str:
    """Plain text, for a terminal or a failed assertion: what does not pass, what changed, and how to accept it."""
    found = [entry.sentence for entry in verdict.worst_first if entry.status not in ("pass", "unjudged")]
    changed = [f"  {each}" for each in what_changed(verdict)]
    return "\n".join(
        [
            f"{headline(verdict)}: {verdict.suite}",
            *(f"- {sentence}" for sentence in found),
            *(["what changed since the baseline:", *changed] if changed else []),
            *([f"{accepting}: {verdict.rebaseline}"] if (accepting := _accepting(verdict)) else []),
        ]
    )


def headline(verdict: Verdict) -> str:
    """The verdict in a few words."""
    if not verdict.measured:
        return "Nothing was measured"
    if verdict.status == "pass" and any(entry.status == "unjudged" for entry in verdict.entries):
        return "No regression in what was judged"
    return HEADLINES[verdict.status]


def what_changed(verdict: Verdict) -> list[str]:
    """`suite: losses.kd.temperature was 4.0, is 2.0`: what may explain a difference, a line each."""
    return [f"{kind}: {each.sentence}" for kind, changes in verdict.changed.items() for each in changes]


def undecided(verdict: Verdict, *, strict: bool = False) -> str:
    """For an inconclusive check: how much of it decided nothing, and the exit code; otherwise empty."""
    if verdict.status != "inconclusive" or not verdict.measured:
        return ""
    open_ones = sum(entry.status == "inconclusive" for entry in verdict.entries)
    return f"{open_ones} of {len(verdict.entries)} figures could not be decided: a regression may hide in them. " + (
        "The exit code is 4." if strict else "The exit code is 0, and 4 with --strict, which CI should use."
    )


def _accepting(verdict: Verdict) -> str:
    """What introduces the commands that freeze anew; empty where no figure asks for it.

    A regression is no reason for a new baseline.
    """
    if not verdict.outdated or not verdict.rebaseline:
        return ""
    meant = "If the regression is meant, freeze" if verdict.status == "regressed" else "To freeze"
    forced = "; with these seeds they cannot show what their gates allow, hence --force"
    return f"{meant} the present figures as the new baseline" + (forced if "--force" in verdict.rebaseline else "")


def verdict_json(verdict: Verdict) -> str:
    """Status, exit codes, and every entry with its figures and bounds."""
    content = {
        "suite": verdict.suite,
        "status": verdict.status,
        "exit_code": verdict.exit_code(strict=False),
        "exit_code_strict": verdict.exit_code(strict=True),
        "measured": verdict.measured,
        "covers": verdict.covers,
        "sees": verdict.sees,
        "entries": [asdict(entry) for entry in verdict.worst_first],
        "changed": {kind: [asdict(each) for each in changes] for kind, changes in verdict.changed.items()},
        "beyond": list(verdict.beyond),
        "notes": list(verdict.notes),
        "rebaseline": verdict.rebaseline if verdict.outdated else "",
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def figures_table(verdict: Verdict, *, short: bool = False) -> Table:
    """Every figure; a short one, for a terminal, leaves out what was found, and a pair that all rows share."""
    pairs = {entry.what.partition(" / ")[0] for entry in verdict.entries}
    shared = f"{min(pairs)} / " if short and len(pairs) == 1 else ""
    heads = ("Verdict", "Figure", "Of", "Baseline", "Now", "What was found")
    columns = tuple(Column(head, numeric=head in ("Baseline", "Now")) for head in heads)
    rows = tuple(
        (
            Cell(_word(entry).partition(" ")[2] if short else _word(entry)),
            Cell(FIGURES[entry.kind]),
            Cell(entry.what.removeprefix(shared)),
            Cell(_figure(entry, entry.baseline)),
            Cell(_figure(entry, entry.current)),
            Cell("" if short else entry.message),
        )
        for entry in verdict.worst_first
    )
    return Table("verdict", "Verdict", columns, rows)


def _word(entry: GateEntry) -> str:
    return "⬆️ improved" if entry.improved and entry.status == "pass" else SIGNS[entry.status]


def _figure(entry: GateEntry, value: float | None) -> str:
    if value is None:
        return f.NONE
    if entry.kind == "latency":
        return f.microseconds(value)
    if entry.kind == "training_seconds":
        return f"{value:.3g} s"
    return f.percent(value) if entry.kind in get_args(OfSeeds) else f"{value:,.0f}"
