"""A verdict for a terminal: the figures as a table with short names, then what needs a look, and how to accept it."""

from kdbench.analyze import Verdict
from kdbench.report.check.verdict import figures_table, verdict_text
from kdbench.report.writing.padded import padded_note, padded_table


def verdict_lines(verdict: Verdict, width: float) -> str:
    """In lines of this width, but for sentences and commands; the headline comes after the table, near the prompt."""
    facts = [text for text in (verdict.covers, verdict.sees) if text]
    beside = [f"not in the baseline, so not judged: {each}" for each in verdict.beyond] + list(verdict.notes)
    parts = (
        "\n".join(padded_note(text, width) for text in facts),
        padded_table(figures_table(verdict, short=True), width) if verdict.entries else "",
        "\n".join(padded_note(text, width) for text in beside),
        verdict_text(verdict),
    )
    return "\n\n".join(filter(None, parts))
