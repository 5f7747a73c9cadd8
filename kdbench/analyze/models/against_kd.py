"""Every row of a pair against plain distillation: kd with one teacher."""

from dataclasses import dataclass

from kdbench.analyze.models.gains import judge_family
from kdbench.analyze.models.pairs import PairSummary, single_ways
from kdbench.analyze.models.rows import StudentRow
from kdbench.spec import Suite
from kdbench.statistics.paired import PairedDifference, crossed_difference
from kdbench.statistics.verdicts import Word

KD = "kd"


@dataclass(frozen=True)
class AgainstKd:
    """A student minus the same student under plain distillation, paired by seed and test sample; accuracies 0 to 1."""

    student: StudentRow
    difference: PairedDifference
    holm_p: float | None  # adjusted for all rows of the pair
    verdict: Word  # in that family


def kd_label(suite: Suite) -> str | None:
    """The label of the suite's first plain distillation."""
    return next((loss.label for loss in suite.losses if loss.use == KD), None)


def against_kd(pair: PairSummary, suite: Suite) -> tuple[AgainstKd, ...]:
    """Each other row that shares seeds with plain distillation under one teacher, best first; empty without that.

    At equal epochs: tuned rows against tuned kd, rows at another budget against kd at that budget.
    """
    label, ways = kd_label(suite), single_ways(suite)
    rivals = {(row.tuned, row.budget): row for row in pair.students if row.loss == label and row.teaching in ways}
    compared = [(row, rivals.get((row.tuned, row.budget))) for row in pair.distinct]
    found = {
        row.name: (row, difference)
        for row, rival in compared
        if rival and rival is not row and (difference := crossed_difference(row.scores, rival.scores))
    }
    unstable = {row.name for row, _ in found.values() if row.unstable}
    judged = judge_family({name: difference for name, (_, difference) in found.items()}, unstable)
    rows = [AgainstKd(row, difference, *judged[name]) for name, (row, difference) in found.items()]
    return tuple(sorted(rows, key=lambda row: -row.difference.estimate.mean))
