"""What came before the reported students: the steps of ways of teaching that have any, by validation accuracy."""

from kdbench.analyze import Summary
from kdbench.analyze.teaching.steps import Step, StepRow
from kdbench.report.writing import formats as f
from kdbench.report.writing.section import Section
from kdbench.report.writing.tables import Cell, Column, Table, estimate_cell, gain_cell, row_cell


def steps_section(summary: Summary) -> Section:
    """Empty for suites whose ways of teaching have no steps."""
    return Section(
        "steps",
        "Steps before the reported student",
        "Some ways of teaching train several trials in turn, such as generations, and report the last. The others are "
        "steps: they are trained, but neither exported nor evaluated on the test split, so this table compares "
        "validation accuracy. Training costs in this report are those of the reported student, without its steps.",
        tables=(steps_table(summary),),
    )


def steps_table(summary: Summary) -> Table:
    """One line per row and position, the reported student last."""
    columns = (
        Column("Loss", numeric=False),
        Column("Position", "", "in the order of training; the first trial is 1"),
        Column("Validation", "%", "top-1 at the deployed epoch, mean over seeds, with its 95 % interval"),
        Column(
            "Against the reported", "points", "minus the reported student's, paired by seed, with its 95 % interval"
        ),
        Column("Seeds"),
    )
    rows = tuple(cells for row in summary.steps for cells in _rows(summary, row))
    return Table("steps", "Validation accuracy by position", columns, rows)


def _rows(summary: Summary, row: StepRow) -> list[tuple[Cell, ...]]:
    cells = [_step(summary, row, step) for step in row.steps]
    if row.reported:
        last = str(row.position) if row.position else f.NONE
        reported = (
            row_cell(summary, row),
            Cell(last, "reported", row.position),
            estimate_cell(row.reported, f.percent, f.percent_interval),
            Cell(f.NONE),
            Cell(str(len(row.reported.values)), sort=len(row.reported.values)),
        )
        cells.append(reported)
    return cells


def _step(summary: Summary, row: StepRow, step: Step) -> tuple[Cell, ...]:
    seeds = len(step.validation.values)
    return (
        row_cell(summary, row),
        Cell(
            str(step.position) if step.position else f.NONE,
            step.model if step.model != row.model else "",
            step.position,
        ),
        estimate_cell(step.validation, f.percent, f.percent_interval),
        gain_cell(step.against_reported),
        Cell(str(seeds), sort=seeds),
    )
