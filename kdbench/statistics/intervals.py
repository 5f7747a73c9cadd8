"""Means, SDs and Student-t intervals over seeds. A figure that is not defined for the data is None, never 0."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

# scipy.stats takes a second to import; its distributions rest on these.
from scipy.special import stdtr, stdtrit


@dataclass(frozen=True)
class Interval:
    """A two-sided confidence interval, in the unit of its values."""

    low: float
    high: float
    level: float = 0.95


@dataclass(frozen=True)
class Estimate:
    """Values over seeds with their mean and its interval. `sd` needs two values, `interval` a variance."""

    values: tuple[float, ...]
    mean: float
    sd: float | None
    interval: Interval | None
    worst: float
    best: float


def estimate(values: Sequence[float], level: float = 0.95) -> Estimate:
    """Mean, SD (n - 1), interval and extremes. Higher is taken as better. Raises `ValueError` without values."""
    if not values:
        raise ValueError("no values to estimate a mean from")
    array = np.asarray(values, dtype=np.float64)
    mean = float(min(max(array.mean(), array.min()), array.max()))  # rounding must not leave the range
    return Estimate(
        values=tuple(map(float, values)),
        mean=mean,
        sd=spread(values),
        interval=t_interval(values, level),
        worst=float(array.min()),
        best=float(array.max()),
    )


def spread(values: Sequence[float]) -> float | None:
    """The sample SD (n - 1); None under two values. Equal values give exactly 0."""
    if len(values) < 2:
        return None
    array = np.asarray(values, dtype=np.float64)
    # Differences of accuracies k/n have rounding errors of 1e-17, which are no variance.
    return float(array.std(ddof=1)) if float(np.ptp(array)) > 1e-12 else 0.0


def t_interval(values: Sequence[float], level: float = 0.95) -> Interval | None:
    """Student-t interval of the mean; None for one value or no variance, where it would claim certainty."""
    low = one_sided_bound(values, (1 + level) / 2, "lower")
    high = one_sided_bound(values, (1 + level) / 2, "upper")
    return None if low is None or high is None else Interval(low, high, level)


def one_sided_bound(values: Sequence[float], confidence: float, side: Literal["lower", "upper"]) -> float | None:
    """A one-sided Student-t bound of the mean; None for one value or no variance."""
    sd = spread(values)
    if not sd:
        return None
    n = len(values)
    half: float = float(stdtrit(n - 1, confidence)) * sd / math.sqrt(n)
    mean = float(np.mean(values))
    return mean + half if side == "upper" else mean - half


def p_below(values: Sequence[float], limit: float) -> float | None:
    """The one-sided p-value of 'the mean is at least `limit`': small where the mean is shown to be under it."""
    sd = spread(values)
    if not sd:
        return None
    n = len(values)
    return float(stdtr(n - 1, (float(np.mean(values)) - limit) / (sd / n**0.5)))
