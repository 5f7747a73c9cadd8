"""Drops of accuracy against a baseline, paired by seed: which exceed a limit, and which ones the seeds could show."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

# scipy.stats takes a second to import; its distributions rest on these.
from scipy.special import stdtr, stdtrit

from kdbench.statistics.intervals import one_sided_bound, spread
from kdbench.statistics.paired import holm, noncentrality

FAIL_ALPHA = 0.01  # shared by all rows that are judged together
PASS_ALPHA = 0.05
POWER = 0.8
ROUNDING = 1e-12  # a drop of exactly the limit, as a difference of two fractions, may exceed it by 1e-17
MOST_SEEDS = 200  # more than anybody trains: above, only a wider limit helps


@dataclass(frozen=True)
class Changes:
    """Of one figure of one row, new less baseline by seed, where less is worse: accuracies run from 0 to 1."""

    values: Sequence[float]
    limit: float  # the drop that is allowed
    # The least step of the figure, of an accuracy one sample of the test split: no SD is taken to be under it, since a
    # few seeds that changed by the same number of samples do not show that others would.
    resolution: float


@dataclass(frozen=True)
class DropVerdict:
    """Whether a row's figure fell by more than its limit."""

    status: Literal["pass", "fail", "undecided"]
    change: float  # new less baseline, mean over seeds
    lower: float | None  # one-sided bound at 1 - PASS_ALPHA; None where all seeds changed alike
    upper: float | None  # at 1 - FAIL_ALPHA, likewise
    p_value: float  # of 'the drop is within the limit', adjusted for the family (Holm)
    detectable: float | None  # the drop that fails with a probability of POWER at these seeds' SD


def judge_drops(rows: Sequence[Changes]) -> list[DropVerdict]:
    """The verdict on each row's changes; failing is decided by Holm over all rows.

    A row fails where a one-sided t-test rejects 'the drop is at most the limit', and passes where the lower bound of
    its change is above -limit. Raises `ValueError` for a row of one seed, which has no spread to judge by.
    """
    if any(len(row.values) < 2 for row in rows):
        raise ValueError("one seed has no spread to judge a drop by")
    adjusted = holm([_p_value(row) for row in rows])
    return [_verdict(row, p, len(rows)) for row, p in zip(rows, adjusted, strict=True)]


def proven_gains(rows: Sequence[Changes]) -> list[bool]:
    """Which rows are shown to have risen: the same test for no gain at all, turned round."""
    turned = (Changes([-value for value in row.values], 0.0, row.resolution) for row in rows)
    return [verdict.status == "fail" for verdict in judge_drops(list(turned))]


def _p_value(row: Changes) -> float:
    """Of 'the mean change is at least -limit'."""
    sd, n = max(spread(row.values) or 0.0, row.resolution), len(row.values)
    return float(stdtr(n - 1, (float(np.mean(row.values)) + row.limit) / (sd / math.sqrt(n))))


def _verdict(row: Changes, p: float, family: int) -> DropVerdict:
    change = float(np.mean(row.values))
    lower = one_sided_bound(row.values, 1 - PASS_ALPHA, "lower")
    upper = one_sided_bound(row.values, 1 - FAIL_ALPHA, "upper")
    within = change >= -row.limit - ROUNDING if lower is None else lower > -row.limit
    status: Literal["pass", "fail", "undecided"] = "fail" if p < FAIL_ALPHA else "pass" if within else "undecided"
    seen = detectable_drop(spread(row.values), len(row.values), row.limit, family)
    return DropVerdict(status, change, lower, upper, p, seen)


def detectable_drop(sd: float | None, n: int, limit: float, family: int = 1) -> float | None:
    """The drop that `judge_drops` fails with a probability of POWER, as one of `family` rows; None without an SD.

    `sd` is that of the changes of n seeds. Exact by the noncentral t, for Holm's first step (the only row that fell):
    the t-value of (drop - limit) must exceed the quantile at 1 - FAIL_ALPHA / family.
    """
    if n < 2 or not sd:
        return None
    critical = float(stdtrit(n - 1, 1 - FAIL_ALPHA / family))
    return limit + noncentrality(critical, n - 1, 1 - POWER) * sd / math.sqrt(n)


def seeds_to_show(drop: float, sd: float, limit: float, family: int = 1) -> int | None:
    """The fewest seeds with which `detectable_drop` is at most `drop`; None where MOST_SEEDS would not do."""
    return next((n for n in range(2, MOST_SEEDS + 1) if (detectable_drop(sd, n, limit, family) or 0.0) <= drop), None)
