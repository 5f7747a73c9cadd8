"""Further metrics of the suite: means over seeds, and differences from the student alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kdbench.analyze.models.evaluations import Found, by_seed, compared, lacking
from kdbench.analyze.models.pairs import PairSummary
from kdbench.analyze.models.rows import ModelRow
from kdbench.results import ResultSet
from kdbench.spec.planning.entry import Role
from kdbench.statistics.intervals import Estimate, estimate
from kdbench.statistics.paired import PairedDifference, paired_difference


@dataclass(frozen=True)
class MetricRow:
    """One row by all metrics that were computed, in the units of each metric, over seeds."""

    pair: str
    role: Role
    model: str
    row: str
    values: Mapping[str, Estimate]  # by metric; without those that no seed has
    against_alone: Mapping[str, PairedDifference]  # likewise, minus the student alone, by seed
    lacking: Mapping[str, int]  # seeds without a figure, by metric


def metric_rows(pairs: Sequence[PairSummary], results: ResultSet) -> tuple[MetricRow, ...]:
    """Rows pair by pair, teachers first; none where no metric was asked for."""
    asked = [metric.label for metric in results.suite.metrics]
    found = {
        (key, name): value
        for key, trial in results.trials.items()
        for name, value in results.scores(trial.exported.clean).items()
    }
    return tuple(_row(row, alone, found, asked) for row, alone in compared(pairs)) if asked else ()


def _row(row: ModelRow, alone: ModelRow | None, found: Found[float], asked: Sequence[str]) -> MetricRow:
    values = {name: by_seed(row, found, name) for name in asked}
    differences = {name: paired_difference(each, by_seed(alone, found, name)) for name, each in values.items()}
    return MetricRow(
        pair=row.pair,
        role=row.role,
        model=row.model,
        row=row.row,
        values={name: estimate(list(each.values())) for name, each in values.items() if each},
        against_alone={name: difference for name, difference in differences.items() if difference},
        lacking=lacking(row, found, asked),
    )
