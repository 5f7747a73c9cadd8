"""A verdict as GitHub's workflow commands: an annotation for each figure that needs a look, on the suite's file.

https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

from collections.abc import Iterator
from pathlib import Path

from kdbench.analyze import GateEntry, Verdict
from kdbench.analyze.gate.verdict import FIGURES
from kdbench.report.check.verdict import what_changed
from kdbench.spec import UserError


def annotations(verdict: Verdict, suite: str, *, strict: bool) -> Iterator[str]:
    """`::error file=my.toml,title=top-1 regressed::...`, a line each; errors are what makes the check fail.

    `suite` is what the user gave: annotations stand on its file where it is one.
    """
    file = _file(suite)
    changed = "\n".join(["", "What changed since the baseline:", *what_changed(verdict)]) if verdict.changed else ""
    if not verdict.measured:
        yield f"::error {file}title=kdbench measured nothing::The reasons are in verdict.md."
    alike: dict[tuple[str, str, str], list[GateEntry]] = {}
    for entry in verdict.worst_first:
        alike.setdefault((entry.kind, entry.status, entry.message), []).append(entry)
    for entry, *others in alike.values():
        if entry.status in ("pass", "unjudged"):
            continue
        level = "warning" if entry.status == "inconclusive" and not strict else "error"
        title = _escape_property(f"{FIGURES[entry.kind]} {entry.status}")
        also = "\n".join(["", "The same of:", *(other.what for other in others)]) if others else ""
        yield f"::{level} {file}title={title}::{_escape(entry.sentence + also + changed)}"


def refusal(error: UserError, suite: str) -> str:
    """One `::error` for a check that came to no verdict, with all that is wrong."""
    return f"::error {_file(suite)}title=kdbench check came to no verdict::{_escape(str(error))}"


def _file(suite: str) -> str:
    return f"file={_escape_property(suite)}," if Path(suite).suffix == ".toml" else ""


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
