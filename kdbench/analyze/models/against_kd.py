"""Every row of a pair against plain distillation: kd with one teacher."""

from dataclasses import dataclass
from typing import Literal

from kdbench.analyze.models.pairs import PairSummary, single_ways
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
    holm_p: float | None  # adjusted for all rows of the pair

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


def against_kd(pair: PairSummary, suite: Suite) -> tuple[AgainstKd, ...]:
    """Each other row that shares seeds with plain distillation under one teacher, best first; empty without that."""
    label, ways = kd_label(suite), single_ways(suite)
    rival = next((row for row in pair.students if row.loss == label and row.teaching in ways), None)
    if rival is None:
        return ()
    others = [row for row in pair.students if row is not rival]
    found = [(row, paired_difference(row.test_by_seed, rival.test_by_seed)) for row in others]
    tested = [(row, difference) for row, difference in found if difference]
    p_values = {row.row: each.p_value for row, each in tested if each.p_value is not None}
    adjusted = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    rows = [AgainstKd(row, difference, adjusted.get(row.row)) for row, difference in tested]
    return tuple(sorted(rows, key=lambda row: -row.difference.estimate.mean))
