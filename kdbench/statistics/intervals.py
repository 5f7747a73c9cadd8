"""Means, SDs and Student-t intervals. A figure that is not defined for the data is None, never 0."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# scipy.stats takes a second to import; its distributions rest on these.
from scipy.special import betaincinv, stdtr, stdtrit

LEAST_P = 1e-15  # smaller ones are not told apart
# Of the degrees of freedom of a trimmed mean: with all, tails of .25 % and less were wrong up to 1.8 times as often as
# they say (20 to 40 normal values, a fifth left out at either end; docs/decisions/0041).
TRIMMED_DF = 0.75


@dataclass(frozen=True)
class Interval:
    """A two-sided confidence interval, in the unit of its values."""

    low: float
    high: float
    level: float = 0.95


@dataclass(frozen=True)
class Error:
    """The error of a mean: independent parts of its variance, each above 0 and known to some degrees of freedom.

    Every part is taken with its own Student's t, and their squares add up. One part gives the usual interval. Several
    cover at least their level, where one t with Satterthwaite's degrees of freedom rejects up to four times too often
    in the far tails that a family of comparisons needs.
    """

    parts: tuple[tuple[float, float], ...]  # variance in the squared unit of the mean, and degrees of freedom

    def half_width(self, tail: float) -> float:
        """How far the mean is from the truth, on one side, with at most the probability `tail`."""
        return math.sqrt(sum(float(stdtrit(df, tail)) ** 2 * variance for variance, df in self.parts))

    def interval(self, mean: float, level: float = 0.95) -> Interval:
        """The two-sided interval of the mean."""
        half = self.half_width((1 - level) / 2)
        return Interval(mean - half, mean + half, level)

    def p_above(self, mean: float, limit: float) -> float:
        """The one-sided p-value of 'it is at most `limit`': small where the mean is shown to be above."""
        if mean < limit:
            return 1 - self.p_above(limit, mean)
        if len(self.parts) == 1:
            ((variance, df),) = self.parts
            return float(stdtr(df, (limit - mean) / math.sqrt(variance)))
        low, high = math.log(LEAST_P), math.log(0.5)
        for _ in range(60):  # halving: the half-width falls with the tail
            middle = (low + high) / 2
            low, high = (middle, high) if self.half_width(math.exp(middle)) > mean - limit else (low, middle)
        return math.exp(high)


@dataclass(frozen=True)
class Estimate:
    """Values over seeds with their mean and its interval. `sd` needs two values, `interval` and `error` a variance."""

    values: tuple[float, ...]
    mean: float
    sd: float | None  # of the values
    interval: Interval | None
    worst: float
    best: float
    error: Error | None  # of the mean


def estimate(values: Sequence[float], level: float = 0.95) -> Estimate:
    """Mean, SD (n - 1), interval and extremes. Higher is taken as better. Raises `ValueError` without values."""
    return estimate_with(error_of(values), values, level)


def estimate_with(error: Error | None, values: Sequence[float], level: float = 0.95) -> Estimate:
    """As `estimate`, where more than the spread of the values is known about the error of their mean."""
    if not values:
        raise ValueError("no values to estimate a mean from")
    array = np.asarray(values, dtype=np.float64)
    mean = float(min(max(array.mean(), array.min()), array.max()))  # rounding must not leave the range
    return Estimate(
        values=tuple(map(float, values)),
        mean=mean,
        sd=spread(values),
        interval=error.interval(mean, level) if error else None,
        worst=float(array.min()),
        best=float(array.max()),
        error=error,
    )


def error_of(values: Sequence[float]) -> Error | None:
    """Of the mean of independent values; None for one value or no variance, where it would claim certainty."""
    sd = spread(values)
    return Error(((sd**2 / len(values), len(values) - 1),)) if sd else None


def spread(values: Sequence[float]) -> float | None:
    """The sample SD (n - 1); None under two values. Equal values give exactly 0."""
    if len(values) < 2:
        return None
    array = np.asarray(values, dtype=np.float64)
    # Differences of accuracies k/n have rounding errors of 1e-17, which are no variance.
    return float(array.std(ddof=1)) if float(np.ptp(array)) > 1e-12 else 0.0


def t_interval(values: Sequence[float], level: float = 0.95) -> Interval | None:
    """Student-t interval of the mean; None for one value or no variance, where it would claim certainty."""
    error = error_of(values)
    return error.interval(float(np.mean(values)), level) if error else None


def trimmed_mean(values: Sequence[float], share: float) -> tuple[float, Error | None]:
    """The mean without this share of the values at either end, and its error as for `error_of` (Yuen 1974).

    The error is that of values of which those at the ends are moved to the next that is left (winsorized). A share of 0
    gives the mean and Student's t. Raises `IndexError` without values.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    cut = int(share * len(ordered))
    left = ordered[cut : len(ordered) - cut]
    sd, n = spread(np.clip(ordered, left[0], left[-1]).tolist()), len(left)
    df = TRIMMED_DF * (n - 1) if cut else n - 1
    error = Error((((len(ordered) - 1) * sd**2 / (n * (n - 1)), df),)) if sd else None
    return float(left.mean()), error


def p_below(values: Sequence[float], limit: float) -> float | None:
    """The one-sided p-value of 'the mean is at least `limit`': small where the mean is shown to be under it."""
    sd = spread(values)
    if not sd:
        return None
    n = len(values)
    return float(stdtr(n - 1, (float(np.mean(values)) - limit) / (sd / n**0.5)))


def share_interval(successes: int, n: int, level: float = 0.95) -> Interval:
    """The exact interval of a share (Clopper and Pearson 1934)."""
    tail = (1 - level) / 2
    low = float(betaincinv(successes, n - successes + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, n - successes, 1 - tail)) if successes < n else 1.0
    return Interval(low, high, level)
