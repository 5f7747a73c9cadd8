"""Generations: each on the test split, and their ensemble."""

from kdbench.analyze import Summary
from kdbench.analyze.teaching.ensembles import Figures
from kdbench.analyze.teaching.stages import StageRow
from kdbench.report.writing import formats as f
from kdbench.report.writing.lines import Line, look_of, plot_lines
from kdbench.report.writing.section import Section
from kdbench.report.writing.tables import Cell, Column, Table, estimate_cell, gain_cell

HELP = "Further right are later generations, each a student of the one before it."


def generations_section(summary: Summary) -> Section:
    """Empty for suites without generations."""
    plot = plot_lines("generations", "Test top-1 by generation", stage_lines(summary.generations), "Generation", HELP)
    return Section(
        "generations",
        "Generations",
        "Each generation is a student of the one before it, trained anew for as many epochs; the first is a student of "
        "the teacher. Gains are over the first generation. All together they are an ensemble, the mean of their "
        "probabilities, which costs as much as all of them.",
        (plot,) if plot else (),
        (generations_table(summary),),
    )


def stage_lines(rows: tuple[StageRow, ...]) -> list[Line]:
    """One for each row that has stages: test top-1 by position."""
    several = len({row.pair for row in rows}) > 1
    return [
        Line(
            f"{row.pair}: {row.student.row}" if several else row.student.row,
            look_of(number),
            tuple((position, found.top1) for position, found in row.stages.items() if found.top1),
        )
        for number, row in enumerate(rows)
    ]


def generations_table(summary: Summary) -> Table:
    """A line for each generation of each row, and for their ensemble."""
    columns = (
        Column("Row", numeric=False),
        Column("Generation"),
        Column("Validation", "%", "top-1, mean over seeds, with its 95 % interval"),
        Column("Top-1", "% of test", "mean over seeds, with its 95 % interval"),
        Column("Gain", "points", "over the first generation, paired by seed and test sample, with its 95 % interval"),
        Column("FLOPs", "per sample", least=True),
        Column("Latency", "of one call", "as models are ordered by in this report", least=True),
        Column("Seeds"),
    )
    rows = tuple(cells for row in summary.generations for cells in _rows(row, several=len(summary.pairs) > 1))
    return Table("generations", "Accuracy by generation", columns, rows)


def _rows(row: StageRow, *, several: bool) -> list[tuple[Cell, ...]]:
    name = Cell(row.student.row, row.pair if several else "")
    cells = [
        (name, Cell(str(position), sort=position), *_figures(found, gain_cell(row.over_first(found))))
        for position, found in row.stages.items()
    ]
    if row.ensemble:
        gain = gain_cell(row.over_first(row.ensemble))
        cells.append((name, Cell("all together", sort=len(row.stages) + 1), *_figures(row.ensemble, gain)))
    return cells


def _figures(found: Figures, gain: Cell) -> tuple[Cell, ...]:
    return (
        estimate_cell(found.validation, f.percent, f.percent_interval),
        estimate_cell(found.top1, f.percent, f.percent_interval),
        gain,
        Cell(f.count(found.flops), sort=found.flops),
        Cell(f.microseconds(found.microseconds), sort=found.microseconds),
        Cell(str(found.networks), sort=found.networks),
    )
