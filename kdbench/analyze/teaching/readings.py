"""Readings: what losses tell of themselves epoch by epoch, such as a temperature that they learn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kdbench.analyze.models.pairs import PairSummary
from kdbench.results import TrialResult
from kdbench.spec.planning.entry import Role
from kdbench.statistics.curves import MeanCurve, mean_curve


@dataclass(frozen=True)
class ReadingRow:
    """One row whose loss tells figures, by name: means over the seeds, in the loss's own units."""

    pair: str
    role: Role
    model: str
    row: str
    curves: Mapping[str, MeanCurve]


def reading_rows(pairs: Sequence[PairSummary], trials: Mapping[str, TrialResult]) -> tuple[ReadingRow, ...]:
    """Students pair by pair; none whose loss tells nothing."""
    found = []
    for row in (row for pair in pairs for row in pair.distinct):
        curves = [trials[seed.key].curve for seed in row.seeds]
        names = dict.fromkeys(name for curve in curves for point in curve for name in point.readings)
        told = {
            name: mean_curve([_by_epoch({p.epoch: p.readings[name] for p in c if name in p.readings}) for c in curves])
            for name in names
        }
        if known := {name: curve for name, curve in told.items() if curve}:
            found.append(ReadingRow(row.pair, row.role, row.model, row.row, known))
    return tuple(found)


def _by_epoch(values: Mapping[int, float]) -> tuple[list[int], list[float]]:
    return list(values), list(values.values())
