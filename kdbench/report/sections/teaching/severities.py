"""Accuracy by the severity of a corruption, clean images included: drawn and in figures."""

from collections.abc import Iterator

from kdbench.analyze import PairSummary, Summary
from kdbench.analyze.teaching.severities import SeverityRow
from kdbench.report.writing import formats as f
from kdbench.report.writing.drawing import Image
from kdbench.report.writing.lines import Line, plot_lines
from kdbench.report.writing.section import Section
from kdbench.report.writing.series import TEACHER, looks
from kdbench.report.writing.tables import Cell, Column, Table, estimate_cell, gain_cell, model_cell


def severities_section(summary: Summary) -> Section:
    """Empty for suites without a corruption of several severities."""
    return Section(
        "severities",
        "Accuracy by severity",
        "The same corruption of the test images in several strengths; at 0 are the clean images. Lines are means over "
        "seeds, bands 95 % intervals over seeds and test samples. All networks see the same corrupted images.",
        tuple(image for index, pair in enumerate(summary.pairs) for image in _plots(summary, pair, index)),
        (severities_table(summary), gains_table(summary)),
    )


def _plots(summary: Summary, pair: PairSummary, index: int) -> Iterator[Image]:
    """One for each corruption."""
    rows = [row for row in summary.severities if row.pair == pair.pair]
    for number, view in enumerate(dict.fromkeys(row.view for row in rows)):
        mine = [row for row in rows if row.view == view]
        title = f"{pair.pair}: test top-1 by the {mine[0].option} of {view}"
        lines = [_line(summary, row) for row in mine]
        if image := plot_lines(f"severity-{index}-{number}", title, lines, f"{mine[0].option} of {view}"):
            yield image


def _line(summary: Summary, row: SeverityRow) -> Line:
    teacher = row.role == "teacher"
    name, look = ("teacher", TEACHER) if teacher else (row.row, looks(summary)[row.row])
    return Line(name, look, tuple(row.top1.items()))


def severities_table(summary: Summary) -> Table:
    """One line per corruption and row, a column per severity."""
    levels = _levels(summary)
    columns = (
        Column("Model and loss", numeric=False),
        Column("Corruption", numeric=False),
        *(Column(f"{level:g}" if level else "Clean", "% of test") for level in levels),
    )
    rows = tuple(
        (
            model_cell(summary, row),
            Cell(row.view, row.option),
            *(estimate_cell(row.top1.get(level), f.percent, f.percent_interval) for level in levels),
        )
        for row in summary.severities
    )
    note = "Top-1 by severity, mean over seeds with its 95 % interval."
    return Table("severities", "Top-1 by severity", columns, rows, (note,), folded=len(rows) > 12)


def gains_table(summary: Summary) -> Table:
    """The same, minus the student alone of the same way of teaching."""
    levels = _levels(summary)
    columns = (
        Column("Model and loss", numeric=False),
        Column("Corruption", numeric=False),
        *(Column(f"{level:g}" if level else "Clean", "points") for level in levels),
    )
    rows = tuple(
        (
            model_cell(summary, row),
            Cell(row.view, row.option),
            *(gain_cell(row.against_alone.get(level)) for level in levels),
        )
        for row in summary.severities
        if row.against_alone
    )
    note = (
        "Minus the student alone that was trained under the same conditions, paired by seed and test sample, with its "
        "95 % interval."
    )
    return Table("severities-gain", "Against the student alone, by severity", columns, rows, (note,), folded=True)


def _levels(summary: Summary) -> tuple[float, ...]:
    return tuple(sorted({level for row in summary.severities for level in row.top1}))
