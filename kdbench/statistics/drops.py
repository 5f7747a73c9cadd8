"""Drops of accuracy against a baseline, paired by seed: which exceed a limit, and which ones the seeds could show."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

# scipy.stats takes a second to import; its distributions rest on these.
from scipy.special import stdtr, stdtrit

from kdbench.statistics.intervals import spread
from kdbench.statistics.paired import holm, noncentrality

FAIL_ALPHA = 0.01  # shared by all rows that are judged together
PASS_ALPHA = 0.05
POWER = 0.8
ROUNDING = 1e-12  # a drop of exactly the limit, as a difference of two fractions, may exceed it by 1e-17
MOST_SEEDS = 200  # more than anybody trains: above, only a wider limit helps


@dataclass(frozen=True)
class Changes:
    """One figure of one row in two runs, where less is worse: accuracies run from 0 to 1."""

    before: Sequence[float]  # by seed, of the baseline
    now: Sequence[float]  # of the same seeds, then of those that the baseline lacks
    limit: float  # the drop that is allowed
    # The least step of the figure, of an accuracy one sample of the test split: no SD is taken to be under it, since a
    # few seeds that changed by the same number of samples do not show that others would.
    resolution: float

    @property
    def values(self) -> list[float]:
        """New less baseline, of the seeds that both have."""
        return [new - old for old, new in zip(self.before, self.now, strict=False)]

    @property
    def further(self) -> int:
        """How many seeds the baseline lacks."""
        return len(self.now) - len(self.before)


@dataclass(frozen=True)
class _Mean:
    """The mean change with its standard error, 0 where all seeds changed alike."""

    change: float
    error: float
    df: float

    def bound(self, confidence: float, sign: int) -> float | None:
        """One-sided, below or above the mean; None where it would claim certainty."""
        return self.change + sign * float(stdtrit(self.df, confidence)) * self.error if self.error else None


@dataclass(frozen=True)
class DropVerdict:
    """Whether a row's figure fell by more than its limit."""

    status: Literal["pass", "fail", "undecided"]
    change: float  # new less baseline, mean over seeds
    lower: float | None  # one-sided bound at 1 - PASS_ALPHA / looks; None where all seeds changed alike
    upper: float | None  # at 1 - FAIL_ALPHA / looks, likewise
    p_value: float  # of 'the drop is within the limit', adjusted for the family (Holm)
    detectable: float | None  # the drop that fails with a probability of POWER at these seeds' SD


def judge_drops(rows: Sequence[Changes], looks: int = 1) -> list[DropVerdict]:
    """The verdict on each row's changes; failing is decided by Holm over all rows.

    A row fails where a one-sided t-test rejects 'the drop is at most the limit', and passes where the lower bound of
    its change is above -limit. Where more seeds may follow, both errors are shared by so many `looks` (Bonferroni).
    Raises `ValueError` for a row of one seed, which has no spread to judge by.
    """
    if any(len(row.before) < 2 for row in rows):
        raise ValueError("one seed has no spread to judge a drop by")
    adjusted = holm([_p_value(row, _mean(row)) for row in rows])
    return [_verdict(row, p, len(rows), looks) for row, p in zip(rows, adjusted, strict=True)]


def proven_gains(rows: Sequence[Changes]) -> list[bool]:
    """Which rows are shown to have risen: the same test for no gain at all, turned round."""
    turned = (Changes([-old for old in row.before], [-new for new in row.now], 0.0, row.resolution) for row in rows)
    return [verdict.status == "fail" for verdict in judge_drops(list(turned))]


def _mean(row: Changes, seeds: int | None = None) -> _Mean:
    """Student's over pairs. With seeds of one run alone, the t-test of Derrick et al. 2017 for samples that overlap in
    part: Welch's error less twice the covariance of the pairs, and degrees of freedom between those of both tests.

    `seeds`: as if the run had so many, with the means and SDs of those it has.
    """
    pairs, total = len(row.before), seeds or len(row.now)
    further = total - pairs
    if not further:
        return _Mean(float(np.mean(row.values)), (spread(row.values) or 0.0) / math.sqrt(pairs), pairs - 1)
    sds = [spread(each) or 0.0 for each in (row.before, row.now)]
    old, new = sds[0] ** 2 / pairs, sds[1] ** 2 / total
    common = row.now[:pairs]
    correlation = float(np.corrcoef(row.before, common)[0, 1]) if spread(row.before) and spread(common) else 0.0
    error = math.sqrt(max(0.0, old + new - 2 * correlation * sds[0] * sds[1] / total))
    welch = (old + new) ** 2 / (old**2 / (pairs - 1) + new**2 / (total - 1)) if old + new else pairs - 1
    df = pairs - 1 + (welch - pairs + 1) * further / (further + 2 * pairs)
    return _Mean(float(np.mean(row.now) - np.mean(row.before)), error, df)


def _p_value(row: Changes, mean: _Mean) -> float:
    """Of 'the mean change is at least -limit'."""
    error = max(mean.error, row.resolution / math.sqrt(len(row.before)))
    return float(stdtr(mean.df, (mean.change + row.limit) / error))


def _verdict(row: Changes, p: float, family: int, looks: int) -> DropVerdict:
    mean = _mean(row)
    lower, upper = mean.bound(1 - PASS_ALPHA / looks, -1), mean.bound(1 - FAIL_ALPHA / looks, +1)
    within = mean.change >= -row.limit - ROUNDING if lower is None else lower > -row.limit
    failed = p < FAIL_ALPHA / looks
    status: Literal["pass", "fail", "undecided"] = "fail" if failed else "pass" if within else "undecided"
    seen = row.limit + _excess(mean, FAIL_ALPHA / looks / family) if mean.error else None
    return DropVerdict(status, mean.change, lower, upper, p, seen)


def seeds_to_decide(row: Changes, family: int, looks: int) -> int | None:
    """The fewest seeds of the run that would decide an undecided row, if further ones kept its means and SDs.

    None where MOST_SEEDS would not do: the seeds that the baseline has are as many as before.
    """

    def decided(seeds: int) -> bool:
        mean = _mean(row, seeds)
        lower = mean.bound(1 - PASS_ALPHA / looks, -1)
        return lower is None or lower > -row.limit or family * _p_value(row, mean) < FAIL_ALPHA / looks

    return next((n for n in range(len(row.now) + 1, MOST_SEEDS + 1) if decided(n)), None)


def _excess(mean: _Mean, alpha: float) -> float:
    """By how much a drop must exceed its limit to be failed with a probability of POWER, exact by the noncentral t."""
    return noncentrality(float(stdtrit(mean.df, 1 - alpha)), mean.df, 1 - POWER) * mean.error


def detectable_drop(sd: float | None, n: int, limit: float, family: int = 1) -> float | None:
    """The drop that `judge_drops` fails with a probability of POWER, as one of `family` rows; None without an SD.

    `sd` is that of the changes of n seeds. For Holm's first step (the only row that fell): the t-value of (drop -
    limit) must exceed the quantile at 1 - FAIL_ALPHA / family.
    """
    if n < 2 or not sd:
        return None
    return limit + _excess(_Mean(0.0, sd / math.sqrt(n), n - 1), FAIL_ALPHA / family)


def seeds_to_show(drop: float, sd: float, limit: float, family: int = 1) -> int | None:
    """The fewest seeds with which `detectable_drop` is at most `drop`; None where MOST_SEEDS would not do."""
    return next((n for n in range(2, MOST_SEEDS + 1) if (detectable_drop(sd, n, limit, family) or 0.0) <= drop), None)
