"""Resampling: sign flips of paired differences, and pooled means of several groups."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from kdbench.statistics.intervals import Interval

# Of 5 differences the least possible p is 2/32: no pattern of signs is significant.
SEEDS_FOR_SIGN_FLIPS = 6
MOST_EXACT = 16  # differences whose 2^n flips are all computed; of more, as many random ones
FLIPS = 2**MOST_EXACT


@dataclass(frozen=True)
class PooledEstimate:
    """A mean, or an interquartile mean, of several groups' values together, in their unit."""

    mean: float
    interval: Interval | None  # None where a group has one value, or where no value varies
    groups: int
    values: int


def sign_flip_p(differences: Sequence[float]) -> float | None:
    """Two-sided p of the mean under all flips of the signs; None under `SEEDS_FOR_SIGN_FLIPS` differences.

    Exact where differences are symmetric about 0 under the null, normal or not (Fisher 1935). Of more than
    `MOST_EXACT`, random flips from a fixed seed, with the observed one among them (Phipson and Smyth 2010).
    """
    n = len(differences)
    if n < SEEDS_FOR_SIGN_FLIPS:
        return None
    array = np.asarray(differences, dtype=np.float64)
    seen = abs(float(array.sum()))
    # A flipped sum that equals the observed one may differ from it by rounding.
    least = seen - 1e-9 * float(np.abs(array).sum())
    extreme = int(np.count_nonzero(np.abs(_signs(n) @ array) >= least))
    return extreme / float(2 ** (n - 1)) if n <= MOST_EXACT else (extreme + 1) / (FLIPS + 1)


@lru_cache(maxsize=4)
def _signs(n: int) -> NDArray[np.float64]:
    """Flips, one a row; of all 2^n the half in which the last sign stays: the others mirror them."""
    if n > MOST_EXACT:
        flipped = np.random.default_rng(0).integers(2, size=(FLIPS, n))
    else:
        flipped = (np.arange(2 ** (n - 1))[:, None] >> np.arange(n)) & 1
    return 1 - 2 * flipped.astype(np.float64)


def interquartile_mean(values: Sequence[float]) -> float:
    """The mean without the lowest and the highest quarter, each rounded down. Raises `ValueError` without values."""
    if not values:
        raise ValueError("no values to take an interquartile mean of")
    return float(_interquartile_means(np.asarray(values, dtype=np.float64)[None])[0])


def stratified_iqm(
    groups: Sequence[Sequence[float]], level: float = 0.95, draws: int = 2000, seed: int = 0
) -> PooledEstimate:
    """The interquartile mean of all groups' values, with the SD of a bootstrap that draws within each group.

    A group is a suite or a pair, its values the seeds', in a unit that they share. Agarwal et al. 2021, section 4, take
    the bootstrap's percentiles, which cover 84 % at 3 seeds in each of 4 groups. Here the groups' spread is widened to
    that of a sample, and the SD of the draws gets Student's tails, with Welch's and Satterthwaite's degrees of freedom
    (`tests/methods/seeds.py`). Raises `ValueError` without groups or for an empty one.
    """
    if not groups or not all(groups):
        raise ValueError("every group needs values, and there must be one")
    arrays = [np.asarray(group, dtype=np.float64) for group in groups]
    mean = interquartile_mean(np.concatenate(arrays).tolist())
    interval = None
    varying = any(float(np.ptp(array)) > 1e-12 for array in arrays)
    if varying and min(map(len, arrays)) > 1:
        random = np.random.default_rng(seed)
        drawn = [_widened(array)[random.integers(len(array), size=(draws, len(array)))] for array in arrays]
        means = _interquartile_means(np.concatenate(drawn, axis=1))
        half = float(stdtrit(_degrees_of_freedom(arrays), (1 + level) / 2)) * float(means.std(ddof=1))
        interval = Interval(mean - half, mean + half, level)
    return PooledEstimate(mean, interval, len(arrays), sum(map(len, arrays)))


def stratified_mean(groups: Sequence[Sequence[float]], level: float = 0.95) -> PooledEstimate:
    """The mean of all groups' values, with Student's interval over the spread within groups (Satterthwaite 1946).

    Raises `ValueError` without groups or for an empty one.
    """
    if not groups or not all(groups):
        raise ValueError("every group needs values, and there must be one")
    arrays = [np.asarray(group, dtype=np.float64) for group in groups]
    every = np.concatenate(arrays)
    mean = float(every.mean())
    interval = None
    if any(float(np.ptp(array)) > 1e-12 for array in arrays) and min(map(len, arrays)) > 1:
        error = float(np.sqrt(sum(len(array) * float(array.var(ddof=1)) for array in arrays))) / len(every)
        half = float(stdtrit(_degrees_of_freedom(arrays), (1 + level) / 2)) * error
        interval = Interval(mean - half, mean + half, level)
    return PooledEstimate(mean, interval, len(arrays), len(every))


def _widened(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values spread out, so that drawing with replacement has the sample variance (n - 1)."""
    mean = values.mean()
    wide: NDArray[np.float64] = mean + (values - mean) * np.sqrt(len(values) / (len(values) - 1))
    return wide


def _degrees_of_freedom(groups: Sequence[NDArray[np.float64]]) -> float:
    """Of a sum of all groups' values (Satterthwaite 1946)."""
    parts = [len(group) * float(group.var(ddof=1)) for group in groups]
    return sum(parts) ** 2 / sum(part**2 / (len(group) - 1) for part, group in zip(parts, groups, strict=True))


def _interquartile_means(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each row of [draws, values]."""
    n = rows.shape[1]
    cut = n // 4
    means: NDArray[np.float64] = np.sort(rows, axis=1)[:, cut : n - cut].mean(axis=1)
    return means
