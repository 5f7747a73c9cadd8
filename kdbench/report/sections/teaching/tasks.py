"""Students of several tasks: a table per task, with its teacher, single-task students and joint students."""

from kdbench.analyze import Summary
from kdbench.analyze.teaching.tasks import Kind, TaskRow
from kdbench.report.writing import formats as f
from kdbench.report.writing.section import Section
from kdbench.report.writing.tables import Cell, Column, Table, estimate_cell, gain_cell, row_cell

KINDS: dict[Kind, str] = {
    "teacher": "teacher of this task",
    "single": "student of this task alone",
    "joint": "student of all tasks",
}


def tasks_section(summary: Summary) -> Section:
    """Empty where no student has several tasks."""
    return Section(
        "tasks",
        "Several tasks at once",
        "One student answers several questions about a sample, with a head for each, and learns each from a teacher of "
        "that task alone. It is compared with students of the same architecture that have a single task: they cost as "
        "many networks as there are tasks.",
        tables=tuple(_table(summary, task) for task in dict.fromkeys(row.task for row in summary.tasks)),
    )


def _table(summary: Summary, task: str) -> Table:
    columns = (
        Column("Network", numeric=False),
        Column("Loss and way of teaching", numeric=False),
        Column("Top-1", "% of test", "of this task, mean over seeds, with its 95 % interval"),
        Column("Against labels", "points", "minus the student of this task alone that learnt from labels"),
        Column("Against a single task", "points", "minus the student of this task alone under the same loss"),
    )
    rows = tuple(_cells(summary, row) for row in summary.tasks if row.task == task)
    return Table(f"task-{task}", f"Task '{task}'", columns, rows)


def _cells(summary: Summary, row: TaskRow) -> tuple[Cell, ...]:
    return (
        Cell(KINDS[row.kind]),
        Cell(f.NONE) if row.kind == "teacher" else row_cell(summary, row),
        estimate_cell(row.top1, f.percent, f.percent_interval),
        gain_cell(row.against_alone),
        gain_cell(row.against_single),
    )
