"""Ranks of values, and how far two orders agree."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from kdbench.statistics.intervals import Interval


def ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Along the last axis; 1 is the highest, and equal values share the mean of their ranks."""
    others, own = values[..., None, :], values[..., :, None]
    found: NDArray[np.float64] = 0.5 + (others > own).sum(axis=-1) + (others == own).sum(axis=-1) / 2
    return found


def kendall_tau(first: Sequence[float], second: Sequence[float]) -> float | None:
    """How far two lists order the same things alike: 1 the same order, -1 the reverse (Kendall 1945, tau-b).

    None where one of them does not order anything.
    """
    signs = [np.sign(np.subtract.outer(values, values)) for values in (first, second)]
    pairs = [np.abs(sign).sum() for sign in signs]
    return float((signs[0] * signs[1]).sum() / np.sqrt(pairs[0] * pairs[1])) if min(pairs) > 0 else None


@dataclass(frozen=True)
class MeanRank:
    """The rank of one row, a mean over groups; 1 is the highest."""

    mean: float
    interval: Interval | None  # None where a group has one column, or where the rank is the same in all draws


def mean_ranks(
    groups: Sequence[NDArray[np.float64]], level: float = 0.95, draws: int = 2000, seed: int = 0
) -> tuple[MeanRank, ...]:
    """Of each row of [rows, columns], by its mean over columns in each group: pairs of networks, losses, seeds.

    A bootstrap draws columns for all rows together, within each group, widened to the variance of a sample; its SD gets
    Student's t with the degrees of freedom of the smallest group. Of seven rows in 2 or 4 groups that covers 97 to 99 %
    at 3 columns, 93 to 97 % at 5 and 91 to 94 % at 10, where percentiles of the draws cover 70 to 98 %: ranks of
    rows that hardly differ are hard to tell.
    """
    found = np.mean([ranks(group.mean(axis=1)) for group in groups], axis=0)
    columns = min(group.shape[1] for group in groups)
    if columns < 2:
        return tuple(MeanRank(float(rank), None) for rank in found)
    random = np.random.default_rng(seed)
    drawn = np.mean([_drawn_ranks(group, random, draws) for group in groups], axis=0)
    half = float(stdtrit(columns - 1, (1 + level) / 2)) * drawn.std(axis=0, ddof=1)
    low, high = np.maximum(1, found - half), np.minimum(len(found), found + half)
    return tuple(
        MeanRank(float(rank), Interval(float(a), float(b), level) if a < b else None)
        for rank, a, b in zip(found, low, high, strict=True)
    )


def _drawn_ranks(group: NDArray[np.float64], random: np.random.Generator, draws: int) -> NDArray[np.float64]:
    """[draws, rows]."""
    columns = group.shape[1]
    mean = group.mean(axis=1, keepdims=True)
    wide = mean + (group - mean) * np.sqrt(columns / (columns - 1))
    return ranks(wide[:, random.integers(columns, size=(draws, columns))].mean(axis=2).T)
