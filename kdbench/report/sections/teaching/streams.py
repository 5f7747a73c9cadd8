"""Streams of tasks: accuracy by time and task as heat maps, and what was kept, forgotten and passed on."""

import math
from collections.abc import Iterator

from kdbench.analyze import Summary
from kdbench.analyze.teaching.streams import Figure, Scenario, StreamRow
from kdbench.report.writing import formats as f
from kdbench.report.writing.drawing import Image
from kdbench.report.writing.heat import plot_heat
from kdbench.report.writing.section import Section
from kdbench.report.writing.tables import Cell, Column, Table, estimate_cell, gain_cell, row_cell

SCENARIOS: dict[Scenario, str] = {
    "class": "Among the classes of all tasks so far (class-incremental)",
    "task": "Where the task of a sample is known (task-incremental)",
}
AVERAGE = Column("Average accuracy", "% of test", "over all tasks after the last one: mean over i of R[T, i]")
FORGETTING = Column(
    "Forgetting",
    "points",
    "what was lost of a task since it was known best: mean over i < T of max R[t, i] - R[T, i]",
    least=True,
)
BACKWARD = Column(
    "Backward transfer", "points", "what later tasks changed on earlier ones: mean over i < T of R[T, i] - R[i, i]"
)
FORWARD = Column(
    "Forward transfer", "points", "on a task not yet learned, over the untrained network: mean of R[i - 1, i] - b[i]"
)


HELP = (
    "Each line is a time, after one more task was learned; each column is a task that the student is then tested on. "
    "Read a column downwards: a figure that falls is a task that is being forgotten. The diagonal is each task just "
    "learned."
)
TERMS = (
    (
        "Stream of tasks",
        "The student learns the tasks in turn, each from its own samples, and is tested after each. R[t, i] is its "
        "accuracy on task i after task t. Labels alone, with no samples kept, are fine-tuning: the bound below; the "
        "bound above is the student alone that learned all tasks at once, with as many updates.",
    ),
    (
        "Average accuracy, forgetting, transfer",
        "Average accuracy, backward and forward transfer: Lopez-Paz and Ranzato 2017 (arXiv:1706.08840); forgetting: "
        "Chaudhry et al. 2018 (arXiv:1801.10112).",
    ),
)


def streams_section(summary: Summary) -> Section:
    """Empty for suites without a stream."""
    return Section(
        "streams",
        "Tasks one after the other",
        "The student learns the tasks in turn, each from its own samples. In the first table its answer is one of the "
        "classes of all tasks so far; in the second one it is told which task a sample is of.",
        tuple(_images(summary)),
        tuple(_table(summary, scenario) for scenario in SCENARIOS),
        TERMS,
    )


def _images(summary: Summary) -> Iterator[Image]:
    for number, row in enumerate(summary.streams):
        if row.matrix is None:
            continue
        title = f"{row.pair}, '{row.row}': {SCENARIOS[row.scenario].lower()}, top-1 in % by time and task"
        times = [
            (f"after {task}", [None if math.isnan(value) else float(value) for value in values])
            for task, values in zip(row.tasks, row.matrix, strict=True)
        ]
        if image := plot_heat(f"stream-{number}", title, row.tasks, times, f.percent, "tested on", HELP):
            yield image


def _table(summary: Summary, scenario: Scenario) -> Table:
    columns = (
        Column("Loss and way of teaching", numeric=False),
        AVERAGE,
        Column("Against labels alone", "points", "average accuracy, under the same way, paired by seed"),
        FORGETTING,
        Column("Against labels alone", "points", "forgetting, likewise; below 0 less is forgotten"),
        BACKWARD,
        *([FORWARD] if scenario == "task" else []),
    )
    rows = tuple(_cells(summary, row) for row in summary.streams if row.scenario == scenario)
    return Table(f"stream-{scenario}", SCENARIOS[scenario], columns, rows)


def _cells(summary: Summary, row: StreamRow) -> tuple[Cell, ...]:
    def points(name: Figure) -> Cell:
        return estimate_cell(row.figures.get(name), f.points, f.points_interval)

    return (
        row_cell(summary, row),
        estimate_cell(row.figures.get("average"), f.percent, f.percent_interval),
        gain_cell(row.against_alone.get("average")),
        points("forgetting"),
        gain_cell(row.against_alone.get("forgetting")),
        points("backward"),
        *([points("forward")] if row.scenario == "task" else []),
    )
