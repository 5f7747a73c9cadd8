"""How a verdict came about: of each figure the values, the rule and what it found; then the exit code."""

from collections.abc import Iterator

from kdbench.analyze import Verdict
from kdbench.report.check.verdict import headline, what_changed


def explanation(verdict: Verdict, *, strict: bool) -> Iterator[str]:
    """Lines of plain text, the figures that need a look first."""
    yield from filter(None, (verdict.covers, verdict.sees))
    for entry in verdict.worst_first:
        yield ""
        yield entry.sentence
        yield from (f"  {line}" for line in entry.evidence)
    yield ""
    if changed := what_changed(verdict):
        yield "what changed since the baseline:"
        yield from (f"  {line}" for line in changed)
    counted = f"{verdict.measured} of {len(verdict.entries)} figures count, and the worst of them decides"
    yield f"{headline(verdict)}: {counted}; exit code {verdict.exit_code(strict)}{' under --strict' if strict else ''}"
