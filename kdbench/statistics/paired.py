"""Paired differences over seeds: tests and effect sizes. A figure that is not defined is None, never 0.

What a family of differences shows: `kdbench.statistics.verdicts`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

# scipy.stats takes a second to import; its distributions rest on these.
from scipy.special import chdtri, nctdtr, nctdtrinc, stdtrit

from kdbench.statistics.crossed import Table, crossed_estimate
from kdbench.statistics.intervals import Error, Estimate, Interval, estimate, spread
from kdbench.statistics.resampling import sign_flip_p

# Half a point of accuracy: smaller differences are of no practical consequence.
EQUIVALENCE = 0.005
# With fewer seeds a paired comparison finds only differences of several SDs: it is a smoke test, without a verdict.
SEEDS_FOR_A_CLAIM = 5
# Above, the SD alone decides the interval; scipy's inversion loses digits there, and gives nan at 1e5.
LARGE_T = 1000.0


@dataclass(frozen=True)
class PairedDifference:
    """Differences of the seeds that both sides have, first minus second."""

    seeds: tuple[int, ...]
    estimate: Estimate
    least_detectable: float | None  # at 80 % power, in the unit of the values
    p_value: float | None  # two-sided t against no difference, with the error that the estimate's interval has
    sign_flip_p: float | None  # the same without normality; from `SEEDS_FOR_SIGN_FLIPS` seeds on
    effect_size: float | None  # Cohen's d_z: mean / SD of the differences
    effect_interval: Interval | None
    improvement: float | None  # probability that a seed of the first beats any seed of the second

    @property
    def claims(self) -> bool:
        """Whether there are enough seeds for a verdict."""
        return len(self.seeds) >= SEEDS_FOR_A_CLAIM


@lru_cache(maxsize=1024)
def detectable_errors(df: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """The least difference, in standard errors, that a two-sided t-test with `df` degrees of freedom finds.

    Exact through the noncentral t: power = P(|T'(df, difference)| > t critical).
    """
    critical = float(stdtrit(df, 1 - alpha / 2))

    def found(shift: float) -> float:
        # scipy 1.17 gives nan for the far tail of a large shift, where numerical integration gives 0.
        far = float(nctdtr(df, shift, -critical))
        return 1 - float(nctdtr(df, shift, critical)) + (0.0 if math.isnan(far) else far)

    low, high = 0.0, 1.0
    while found(high) < power:
        low, high = high, 2 * high
    for _ in range(50):  # halving: scipy.optimize would cost 0.2 s of import
        middle = (low + high) / 2
        low, high = (middle, high) if found(middle) < power else (low, middle)
    return high


def detectable_sds(n: int, alpha: float = 0.05, power: float = 0.8) -> float | None:
    """The least difference that n pairs find, in SDs of the paired differences; None under two pairs."""
    return detectable_errors(n - 1, alpha, power) / math.sqrt(n) if n > 1 else None


def least_detectable(error: Error, alpha: float = 0.05) -> float:
    """The least difference that these seeds find, in the unit of the mean: each part of the error at its own power."""
    return math.sqrt(sum(detectable_errors(df, alpha) ** 2 * variance for variance, df in error.parts))


def paired_difference(first: Mapping[int, float], second: Mapping[int, float]) -> PairedDifference | None:
    """`first - second` by seed, over the seeds that both have; None where they share none."""
    seeds = tuple(sorted(first.keys() & second.keys()))
    if not seeds:
        return None
    ours, theirs = [first[seed] for seed in seeds], [second[seed] for seed in seeds]
    return _describe(seeds, estimate([a - b for a, b in zip(ours, theirs, strict=True)]), ours, theirs)


def crossed_difference(first: Mapping[int, Table], second: Mapping[int, Table]) -> PairedDifference | None:
    """As `paired_difference`, from scores of each test sample by seed: paired by seed and by sample.

    The interval and the p-value then hold for other test samples too. Where the two sides have different samples, they
    are paired by seed alone.
    """
    seeds = tuple(sorted(first.keys() & second.keys()))
    if not seeds:
        return None
    ours, theirs = np.stack([first[seed] for seed in seeds]), np.stack([second[seed] for seed in seeds])
    left, right = ours.mean(axis=1), theirs.mean(axis=1)
    if ours.shape == theirs.shape:
        found = crossed_estimate(np.subtract(ours, theirs, dtype=np.float64))
    else:
        found = estimate((left - right).tolist())
    return _describe(seeds, found, left.tolist(), right.tolist())


def _describe(
    seeds: tuple[int, ...], found: Estimate, first: Sequence[float], second: Sequence[float]
) -> PairedDifference:
    """The figures of differences whose mean and its error are `found`."""
    error = found.error
    return PairedDifference(
        seeds=seeds,
        estimate=found,
        least_detectable=least_detectable(error) if error else None,
        p_value=2 * error.p_above(abs(found.mean), 0.0) if error else None,
        sign_flip_p=sign_flip_p(found.values),
        effect_size=effect_size(found.values),
        effect_interval=effect_interval(found.values),
        improvement=probability_of_improvement(first, second),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values that hold for the whole family at once (Holm 1979), in the order given."""
    adjusted = [0.0] * len(p_values)
    running = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = running
    return adjusted


def effect_size(differences: Sequence[float]) -> float | None:
    """Cohen's d_z: mean / SD of the paired differences, uncorrected; None without a variance."""
    sd = spread(differences)
    return float(np.mean(differences)) / sd if sd else None


def effect_interval(differences: Sequence[float], level: float = 0.95) -> Interval | None:
    """The exact interval of the effect under normal differences; None without a variance.

    Inverts the noncentral t: the effects that put the observed t at either tail (Steiger and Fouladi 1997).
    """
    effect = effect_size(differences)
    if effect is None:
        return None
    root = math.sqrt(len(differences))
    low, high = (
        noncentrality(effect * root, len(differences) - 1, tail) for tail in ((1 + level) / 2, (1 - level) / 2)
    )
    return Interval(low / root, high / root, level)


def noncentrality(t: float, df: float, probability: float) -> float:
    """The noncentrality at which t with `df` degrees of freedom is under `t` with this probability."""
    if t < 0:
        return -noncentrality(-t, df, 1 - probability)
    if t > LARGE_T:
        return t * math.sqrt(float(chdtri(df, probability)) / df)
    return float(nctdtrinc(df, probability, t))


def probability_of_improvement(first: Sequence[float], second: Sequence[float]) -> float | None:
    """The share of all (first, second) pairs, across seeds, in which the first is larger; a tie counts half.

    None where a side has one value. Agarwal et al. 2021, section 4.3.
    """
    if len(first) < 2 or len(second) < 2:
        return None
    gaps = np.subtract.outer(np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64))
    return float(np.mean((gaps > 0) + 0.5 * (gaps == 0)))
