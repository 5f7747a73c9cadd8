"""Further metrics of the suite: means over seeds, and differences from the student alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kdbench.analyze.models.pairs import PairSummary
from kdbench.analyze.models.rows import ModelRow
from kdbench.results import ResultSet
from kdbench.spec.plan import Role
from kdbench.statistics.intervals import Estimate, estimate
from kdbench.statistics.paired import PairedDifference, paired_difference

Values = Mapping[tuple[str, str], float]  # by trial and metric


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


def metric_rows(pairs: Sequence[PairSummary], results: ResultSet, asked: Sequence[str]) -> tuple[MetricRow, ...]:
    """Rows pair by pair, teachers first; none where no metric was asked for."""
    found = {
        (key, name): value
        for key, trial in results.trials.items()
        for name, value in results.scores(trial.exported.clean).items()
    }
    if not asked:
        return ()
    return tuple(
        _row(row, found, asked, None if row.role == "teacher" or row is pair.alone else pair.alone)
        for pair in pairs
        for row in pair.models
    )


def _row(row: ModelRow, found: Values, asked: Sequence[str], alone: ModelRow | None) -> MetricRow:
    by_name = {name: _by_seed(row, found, name) for name in asked}
    differences = {
        name: paired_difference(seeds, _by_seed(alone, found, name) if alone else {}) for name, seeds in by_name.items()
    }
    return MetricRow(
        pair=row.pair,
        role=row.role,
        model=row.model,
        row=row.row,
        values={name: estimate(list(seeds.values())) for name, seeds in by_name.items() if seeds},
        against_alone={name: difference for name, difference in differences.items() if difference},
        lacking={name: len(row.seeds) - len(seeds) for name, seeds in by_name.items() if len(seeds) < len(row.seeds)},
    )


def _by_seed(row: ModelRow, found: Values, metric: str) -> dict[int, float]:
    return {seed.seed: found[seed.key, metric] for seed in row.seeds if (seed.key, metric) in found}
