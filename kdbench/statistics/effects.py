"""How large a difference is: in SDs of the paired differences, and as a probability."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import chdtri, nctdtrinc

from kdbench.statistics.intervals import Interval, spread

# Beyond, the normal part of t is nothing beside its SD's; scipy's inversion loses digits there, and at 1e5 gives nan.
LARGE_T = 1000.0


def effect_size(differences: Sequence[float]) -> float | None:
    """Cohen's d_z: mean / SD of the paired differences, uncorrected; None without a variance."""
    sd = spread(differences)
    return float(np.mean(differences)) / sd if sd else None


def effect_interval(differences: Sequence[float], level: float = 0.95) -> Interval | None:
    """The exact interval of the effect under normal differences; None without a variance.

    The effects at which the t that was seen is just in either tail: noncentral t, inverted (Steiger and Fouladi 1997).
    """
    effect = effect_size(differences)
    if effect is None:
        return None
    root = math.sqrt(len(differences))
    low, high = (_shift(effect * root, len(differences) - 1, tail) for tail in ((1 + level) / 2, (1 - level) / 2))
    return Interval(low / root, high / root, level)


def _shift(t: float, df: int, probability: float) -> float:
    """The noncentrality at which t with `df` degrees of freedom stays under `t` with this probability."""
    if t < 0:
        return -_shift(-t, df, 1 - probability)
    if t > LARGE_T:
        return t * math.sqrt(float(chdtri(df, probability)) / df)
    return float(nctdtrinc(df, probability, t))


def probability_of_improvement(first: Sequence[float], second: Sequence[float]) -> float | None:
    """The share of all (first, second) pairs, of whichever seeds, that the first wins; a tie is half a win.

    None where a side has one value: one pair is no probability. Agarwal et al. 2021, section 4.3.
    """
    if len(first) < 2 or len(second) < 2:
        return None
    gaps = np.subtract.outer(np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64))
    return float(np.mean((gaps > 0) + 0.5 * (gaps == 0)))
