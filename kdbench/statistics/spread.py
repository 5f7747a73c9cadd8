"""The spread of a row over its seeds. A figure that is not defined for the data is None, never 0."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri, fdtrc

from kdbench.statistics.intervals import Interval, share_interval, spread

COLLAPSED_SHARE = 0.1  # of the way from chance to the best seed


@dataclass(frozen=True)
class Stability:
    """Accuracies over seeds, 0 to 1. Figures that need two seeds are None for one."""

    mean: float
    sd: float | None
    sd_interval: Interval | None  # chi-square, of normal values; None without a variance
    iqr: float | None  # 75th less 25th percentile, interpolated linearly
    cv: float | None  # SD / mean
    worst: float
    best: float
    range: float | None
    collapsed: int | None  # seeds that learned hardly anything; None where chance is unknown
    collapsed_interval: Interval | None  # of their share, exact; None where chance is unknown


def stability(values: Sequence[float], chance: float | None, level: float = 0.95) -> Stability:
    """The spread of a row's accuracies; `chance` is that of guessing. Raises `ValueError` without values."""
    if not values:
        raise ValueError("no values to compute the stability of")
    array = np.asarray(values, dtype=np.float64)
    mean, worst, best = float(array.mean()), float(array.min()), float(array.max())
    sd, several = spread(values), len(values) > 1
    quarter, three_quarters = np.percentile(array, (25, 75))
    lost = None if chance is None else sum(collapsed(values, chance))
    return Stability(
        mean=mean,
        sd=sd,
        sd_interval=sd_interval(sd, len(values), level),
        iqr=float(three_quarters - quarter) if several else None,
        cv=sd / mean if sd is not None and mean else None,
        worst=worst,
        best=best,
        range=best - worst if several else None,
        collapsed=lost,
        collapsed_interval=None if lost is None else share_interval(lost, len(values), level),
    )


def collapsed(values: Sequence[float], chance: float) -> list[bool]:
    """Which seeds have collapsed, as `collapse_limit` has it of the best of them.

    The best seed shows what the recipe can reach; the median would not where most seeds collapse.
    """
    limit = collapse_limit(max(values), chance)
    return [value <= limit for value in values]


def collapse_limit(best: float, chance: float) -> float:
    """The accuracy up to which a seed has collapsed: a tenth of the way from chance to the best, or to twice chance.

    The farther of the two counts. Twice chance is the measure where no seed learned, so that a row at chance has
    collapsed as a whole. The tenth is kdbench's own choice: far below any useful accuracy, and above the noise of
    guessing on some 1,000 samples.
    """
    return chance + COLLAPSED_SHARE * max(best - chance, chance)


def sd_bound(sd: float | None, n: int, confidence: float) -> float | None:
    """The one-sided upper bound of the SD of normal values at this confidence, from the SD of n; None without one.

    A confidence under one half gives a lower bound.
    """
    return sd * math.sqrt((n - 1) / float(chdtri(n - 1, confidence))) if sd else None


def sd_interval(sd: float | None, n: int, level: float = 0.95) -> Interval | None:
    """The chi-square interval of the SD of normal values; None without a variance, where it would claim certainty."""
    low, high = sd_bound(sd, n, (1 - level) / 2), sd_bound(sd, n, (1 + level) / 2)
    return None if low is None or high is None else Interval(low, high, level)


def brown_forsythe(groups: Sequence[Sequence[float]]) -> tuple[float, float] | None:
    """F and p of 'all groups have the same spread', by distances to each group's median (Brown and Forsythe 1974).

    A group of one value has no spread and is left out; None under two groups, or where no distance varies.
    """
    kept = [np.asarray(group, dtype=np.float64) for group in groups if len(group) > 1]
    if len(kept) < 2:
        return None
    distances = [np.abs(group - np.median(group)) for group in kept]
    n, k = sum(map(len, kept)), len(kept)
    overall = float(np.concatenate(distances).mean())
    between = sum(len(one) * (float(one.mean()) - overall) ** 2 for one in distances)
    within = sum(float(((one - one.mean()) ** 2).sum()) for one in distances)
    if within <= 1e-24:  # rounding of accuracies, squared
        return None
    f = (n - k) * between / ((k - 1) * within)
    return f, float(fdtrc(k - 1, n - k, f))
