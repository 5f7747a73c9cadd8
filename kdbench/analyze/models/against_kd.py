"""Every loss of a pair against plain distillation (kd)."""

from dataclasses import dataclass
from typing import Literal

from kdbench.analyze.models.pairs import PairSummary
from kdbench.analyze.models.rows import StudentRow
from kdbench.spec import Suite
from kdbench.statistics.paired import EQUIVALENCE, PairedDifference, holm, paired_difference

KD = "kd"

Standing = Literal["beats", "ties", "loses", "open"]


@dataclass(frozen=True)
class AgainstKd:
    """A student minus the same student under plain distillation, paired by seed; accuracies 0 to 1."""

    student: StudentRow
    difference: PairedDifference
    holm_p: float | None  # adjusted for all losses of the pair

    @property
    def standing(self) -> Standing:
        """By the 95 % interval of this comparison: above 0, below 0, within half a point of it, or none of these."""
        interval = self.difference.estimate.interval
        if interval is None or not self.difference.claims:
            return "open"
        if interval.low > 0:
            return "beats"
        if interval.high < 0:
            return "loses"
        return "ties" if interval.low >= -EQUIVALENCE and interval.high <= EQUIVALENCE else "open"


def kd_label(suite: Suite) -> str | None:
    """The label of the suite's first plain distillation."""
    return next((loss.label for loss in suite.losses if loss.use == KD), None)


def against_kd(pair: PairSummary, label: str | None) -> tuple[AgainstKd, ...]:
    """One row per other loss that shares seeds with it, best first; empty where the pair has no such row."""
    rival = next((row for row in pair.students if row.loss == label), None)
    if rival is None:
        return ()
    others = [row for row in pair.students if row is not rival]
    found = [(row, paired_difference(row.test_by_seed, rival.test_by_seed)) for row in others]
    tested = [(row, difference) for row, difference in found if difference]
    p_values = {row.loss: each.p_value for row, each in tested if each.p_value is not None}
    adjusted = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    rows = [AgainstKd(row, difference, adjusted.get(row.loss)) for row, difference in tested]
    return tuple(sorted(rows, key=lambda row: -row.difference.estimate.mean))
