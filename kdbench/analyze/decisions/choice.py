"""Which student to ship: of each pair a candidate from validation where its gain is confirmed, then of all pairs one.

The best of many losses on validation has lucky seeds, and is lucky on test with the same seeds. So test scores of these
very networks confirm a candidate only as one of its family, by Holm's p; otherwise networks of other seeds must.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from kdbench.analyze.models.pairs import PairSummary
from kdbench.analyze.models.rows import Equal, StudentRow
from kdbench.statistics.intervals import Interval
from kdbench.statistics.paired import EQUIVALENCE, PairedDifference, crossed_difference
from kdbench.statistics.verdicts import ALPHA


@dataclass(frozen=True)
class Evidence:
    """What the gain of a candidate over the student alone rests on."""

    equal: Equal
    difference: PairedDifference
    apart: bool  # at seeds that took no part in choosing the candidate
    family: int  # rows among which it was chosen by these very seeds; 1 where they took no part
    holm_p: float | None  # where they did take part: over the family
    holds: bool

    @property
    def interval(self) -> Interval | None:
        """95 % for all rows of the family together (Bonferroni): it covers whichever of them was chosen."""
        found = self.difference.estimate
        return found.error.interval(found.mean, 1 - ALPHA / self.family) if found.error else None


@dataclass(frozen=True)
class Pick:
    """The student of a pair to ship."""

    pair: PairSummary
    row: StudentRow
    candidate: StudentRow
    evidence: Evidence | None  # None where the candidate is the student alone, or that one was not run


def pick(pair: PairSummary) -> Pick:
    """The candidate where its gain is confirmed, else the student alone."""
    candidate = _candidate(pair)
    if pair.alone is None:
        return Pick(pair, candidate, candidate, None)
    evidence = None if candidate.alone else _evidence(pair, candidate)
    row = candidate if evidence and evidence.holds else _best_alone(pair)
    return Pick(pair, row, candidate, evidence)


def trade(picks: Sequence[Pick]) -> tuple[Pick, Pick]:
    """The pick to ship, and the most accurate one on validation.

    The cheapest is shipped that is not shown to be worse on test than the most accurate one by more than the margin;
    of equally cheap ones the more accurate. With one seed nothing is shown, and the most accurate is shipped. The best
    of several on validation has lucky seeds, so that all comparisons with it share the error (Bonferroni).
    """
    best = max(picks, key=lambda each: each.row.validation.mean)
    level = 1 - ALPHA / max(1, len(picks) - 1)
    rivals = [each for each in picks if each is best or not _shown_worse(each.row, best.row, level)]
    return min(rivals, key=lambda each: (cost(each.row), -each.row.validation.mean)), best


def cost(row: StudentRow) -> float:
    """The p50 of one call in microseconds; FLOPs where it was not timed."""
    return row.scaled_microseconds if row.scaled_microseconds is not None else float(row.flops)


def on_test(first: StudentRow, second: StudentRow) -> PairedDifference | None:
    """Test top-1 of one row minus another's; None without a seed in common."""
    return crossed_difference(first.scores, second.scores)


def _shown_worse(row: StudentRow, best: StudentRow, level: float) -> bool:
    difference = on_test(row, best)
    if difference is None or len(difference.seeds) < 2:
        return True
    found = difference.estimate  # without an error where no seed and no sample differs
    return (found.error.interval(found.mean, level).high if found.error else found.mean) < -EQUIVALENCE


def _candidate(pair: PairSummary) -> StudentRow:
    """The best on validation by mean, at the recipe's epochs; of tuned rows where there are any.

    Ties go to the student alone, then to the suite's order.
    """
    usual = [row for row in pair.students if row.budget == 1] or list(pair.students)
    tuned = [row for row in usual if row.tuned]
    return max(_eligible(tuned or usual), key=lambda row: (row.validation.mean, row.alone))


def _best_alone(pair: PairSummary) -> StudentRow:
    """The student alone at the budget that is best on validation; ties go to the shorter training, then to tuned."""
    rows = [row for row in pair.students if row.alone]
    return max(_eligible(rows), key=lambda row: (row.validation.mean, -row.budget, row.tuned))


def _eligible(rows: Sequence[StudentRow]) -> list[StudentRow]:
    """Rows without collapsed seeds, where there are any; a mean over fewer seeds than others have is not fair."""
    steady = [row for row in rows if not row.unstable] or list(rows)
    most = max(len(row.seeds) for row in steady)
    return [row for row in steady if len(row.seeds) == most]


def _evidence(pair: PairSummary, candidate: StudentRow) -> Evidence | None:
    apart, gain = pair.confirmation, candidate.headline
    if apart and apart.row == candidate.row:
        return Evidence(apart.equal, apart.difference, True, 1, None, apart.holds and not candidate.unstable)
    if gain is None:
        return None
    found = gain.difference
    significant = gain.holm_p is not None and gain.holm_p <= ALPHA and found.estimate.mean > 0
    holds = significant and found.claims and not candidate.unstable
    family = sum(gain.equal in row.gains for row in pair.students)
    return Evidence(gain.equal, found, False, family, gain.holm_p, holds)
