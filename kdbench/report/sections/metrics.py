"""Further metrics that the suite asks for, each in its own unit."""

import math
from collections.abc import Callable

from kdbench.analyze import Summary
from kdbench.analyze.models.metrics import MetricRow
from kdbench.report.writing import formats as f
from kdbench.report.writing.section import Section
from kdbench.report.writing.tables import Cell, Column, Table, estimate_cell, model_cell
from kdbench.statistics.intervals import Interval


def metrics_section(summary: Summary) -> Section:
    """Every metric of every model, and those without a figure."""
    return Section(
        "metrics",
        "Further metrics",
        "Computed from the logits of the deployed model on the clean test split. `kdbench show NAME` prints a metric's "
        "unit and whether higher is better.",
        (),
        (metric_table(summary), uncomputed_table(summary)),
    )


def computed(summary: Summary) -> tuple[str, ...]:
    """The metrics that any model has a figure of, in the suite's order."""
    return tuple(m.label for m in summary.suite.metrics if any(m.label in row.values for row in summary.metrics))


def metric_table(summary: Summary) -> Table:
    """One row per model and loss; of each metric its mean, and the difference from the student alone."""
    names = computed(summary)
    columns = [Column("Model and loss", numeric=False)]
    for name in names:
        columns += [Column(name, "mean"), Column(f"{name} against alone", "paired by seed")]
    rows = tuple(_row(summary, row, names) for row in summary.metrics) if names else ()
    return Table("metrics", "Metrics of the suite", tuple(columns), rows)


def _row(summary: Summary, row: MetricRow, names: tuple[str, ...]) -> tuple[Cell, ...]:
    cells = [model_cell(summary, row)]
    for name in names:
        show = _digits(summary, name)
        gain = row.against_alone.get(name)
        cells += [
            estimate_cell(row.values.get(name), show, _interval(show)),
            estimate_cell(gain.estimate if gain else None, _signed(show), _interval(show)),
        ]
    return tuple(cells)


def _digits(summary: Summary, name: str) -> Callable[[float], str]:
    """How a metric is written: four significant digits of its largest mean, so that a column lines up."""
    largest = max((abs(row.values[name].mean) for row in summary.metrics if name in row.values), default=0.0)
    digits = 3 - math.floor(math.log10(largest)) if largest else 4
    if digits > 8:
        return lambda value: f"{value:.3e}".replace("-", f.MINUS)
    return lambda value: f"{value:,.{max(0, digits)}f}".replace("-", f.MINUS)


def _signed(show: Callable[[float], str]) -> Callable[[float], str]:
    return lambda value: f"+{show(value)}" if value > 0 else show(value)


def _interval(show: Callable[[float], str]) -> Callable[[Interval | None], str]:
    return lambda interval: "" if interval is None else f"{show(interval.low)} to {show(interval.high)}"


def uncomputed_table(summary: Summary) -> Table:
    """Metrics that were asked for and have no figure of some model, with the reasons that the run noted."""
    columns = (
        Column("Metric", numeric=False),
        Column("Without a figure", "models trained"),
        Column("Why", numeric=False),
    )
    models = sum(len(row.seeds) for row in summary.models)
    lacking = {m.label: sum(row.lacking.get(m.label, 0) for row in summary.metrics) for m in summary.suite.metrics}
    rows = [
        (Cell(name), Cell(f"{count} of {models}", sort=count), Cell(_why(summary, name)))
        for name, count in lacking.items()
        if count
    ]
    return Table("uncomputed", "Metrics without figures", columns, tuple(rows))


def _why(summary: Summary, name: str) -> str:
    """The reasons that the run noted for this metric, or where to look."""
    told = f"metric '{name}' was not computed: "
    reasons = [note.removeprefix(told) for note in summary.notes if note.startswith(told)]
    if reasons:
        return "; ".join(reasons)
    return "no record; see Not done as asked" if summary.notes else "the run has neither a record nor a reason"
