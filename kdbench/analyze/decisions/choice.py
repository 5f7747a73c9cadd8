"""The student of a pair to ship: its candidate from validation where that one's gain is confirmed.

The best of many losses on validation has lucky seeds, and is lucky on test with the same seeds. So test scores of these
very networks confirm a candidate only as one of its family, by Holm's p; otherwise networks of other seeds must.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from kdbench.analyze.models.pairs import PairSummary
from kdbench.analyze.models.rows import Equal, StudentRow
from kdbench.statistics.intervals import Interval
from kdbench.statistics.paired import PairedDifference
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


def picks(pair: PairSummary) -> tuple[Pick, ...]:
    """The pick of all rows, and of each further architecture that some deploy: a budget may leave out the first.

    An architecture has none where the student alone, which deploys another, is better.
    """
    first = pick(pair, pair.students)
    found = [first]
    for architecture in dict.fromkeys(row.architecture for row in pair.students):
        each = pick(pair, [row for row in pair.students if row.alone or row.architecture == architecture])
        if each.row.architecture == architecture != first.row.architecture:
            found.append(each)
    return tuple(found)


def pick(pair: PairSummary, rows: Sequence[StudentRow]) -> Pick:
    """Of some rows of a pair: the candidate where its gain is confirmed, else the student alone."""
    candidate = _candidate(rows)
    if pair.alone is None:
        return Pick(pair, candidate, candidate, None)
    evidence = evidence_of(pair, candidate)
    row = candidate if evidence and evidence.holds else _best_alone(pair)
    return Pick(pair, row, candidate, evidence)


def _candidate(rows: Sequence[StudentRow]) -> StudentRow:
    """The best on validation by mean. Ties go to the student alone, then to the suite's order."""
    return max(_eligible(comparable(rows)), key=lambda row: (row.validation.mean, row.alone))


def comparable(rows: Sequence[StudentRow]) -> list[StudentRow]:
    """Those at the recipe's epochs; of them the tuned ones where there are any."""
    usual = [row for row in rows if row.budget == 1] or list(rows)
    return [row for row in usual if row.tuned] or usual


def _best_alone(pair: PairSummary) -> StudentRow:
    """The student alone at the budget that is best on validation; ties go to the shorter training, then to tuned."""
    rows = [row for row in pair.students if row.alone]
    return max(_eligible(rows), key=lambda row: (row.validation.mean, -row.budget, row.tuned))


def _eligible(rows: Sequence[StudentRow]) -> list[StudentRow]:
    """Rows without collapsed seeds, where there are any; a mean over fewer seeds than others have is not fair."""
    steady = [row for row in rows if not row.unstable] or list(rows)
    most = max(len(row.seeds) for row in steady)
    return [row for row in steady if len(row.seeds) == most]


def evidence_of(pair: PairSummary, candidate: StudentRow) -> Evidence | None:
    """What a gain rests on; None for the student alone, and without a seed in common with it."""
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
