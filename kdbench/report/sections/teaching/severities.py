"""Accuracy by the severity of a corruption, clean images included: drawn and in figures."""

from collections.abc import Iterator, Mapping, Sequence

from kdbench.analyze import PairSummary, Summary
from kdbench.analyze.teaching.severities import SeverityRow
from kdbench.report.writing import formats as f
from kdbench.report.writing.drawing import Image
from kdbench.report.writing.lines import Line, plot_lines
from kdbench.report.writing.looks import TEACHER, Look, looks
from kdbench.report.writing.section import Section
from kdbench.report.writing.tables import Column, Table, estimate_cell, gain_cell, model_cell

HELP = "At 0 are the clean images; further right the same corruption is stronger."


def severities_section(summary: Summary) -> Section:
    """Empty for suites without a corruption of several severities."""
    return Section(
        "severities",
        "Accuracy by severity",
        "The same corruption of the test images in several strengths. All networks see the same corrupted images.",
        tuple(image for index, pair in enumerate(summary.pairs) for image in _plots(summary, pair, index)),
        tuple(make(rows, summary) for rows in _by_view(summary) for make in (gains_table, severities_table)),
    )


def _by_view(summary: Summary) -> list[list[SeverityRow]]:
    """The rows of each corruption."""
    views = dict.fromkeys(row.view for row in summary.severities)
    return [[row for row in summary.severities if row.view == view] for view in views]


def _plots(summary: Summary, pair: PairSummary, index: int) -> Iterator[Image]:
    """One for each corruption."""
    style, rows = looks(summary, pair), [row for row in summary.severities if row.pair == pair.pair]
    for number, view in enumerate(dict.fromkeys(row.view for row in rows)):
        mine = [row for row in rows if row.view == view]
        title = f"{pair.pair}: test top-1 by the {mine[0].option} of {view}"
        lines = [_line(row, style) for row in mine]
        if image := plot_lines(f"severity-{index}-{number}", title, lines, f"{mine[0].option} of {view}", HELP):
            yield image


def _line(row: SeverityRow, style: Mapping[str, Look]) -> Line:
    teacher = row.role == "teacher"
    name, look = ("teacher", TEACHER) if teacher else (row.row, style[row.row])
    return Line(name, look, tuple(row.top1.items()))


def severities_table(rows: Sequence[SeverityRow], summary: Summary) -> Table:
    """Of one corruption: a line per row, a column per severity."""
    columns = (Column("Model and loss", numeric=False), *_columns(rows, "% of test"))
    lines = tuple(
        (
            model_cell(summary, row),
            *(estimate_cell(row.top1.get(level), f.percent, f.percent_interval) for level in _levels(rows)),
        )
        for row in rows
    )
    caption = f"Top-1 by the {rows[0].option} of {rows[0].view}"
    return Table(f"severities-{rows[0].view}", caption, columns, lines, folded=True)


def gains_table(rows: Sequence[SeverityRow], summary: Summary) -> Table:
    """The same, minus the student alone of the same way of teaching."""
    columns = (Column("Model and loss", numeric=False), *_columns(rows, "points"))
    lines = tuple(
        (model_cell(summary, row), *(gain_cell(row.against_alone.get(level)) for level in _levels(rows)))
        for row in rows
        if row.against_alone
    )
    caption = f"Gain over the student alone by the {rows[0].option} of {rows[0].view}"
    return Table(f"severities-gain-{rows[0].view}", caption, columns, lines)


def _columns(rows: Sequence[SeverityRow], unit: str) -> tuple[Column, ...]:
    return tuple(Column(f"{level:g}" if level else "Clean", unit) for level in _levels(rows))


def _levels(rows: Sequence[SeverityRow]) -> tuple[float, ...]:
    return tuple(sorted({level for row in rows for level in row.top1}))
