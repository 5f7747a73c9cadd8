"""Means, Student-t intervals and paired differences over seeds. A figure that the data cannot give is None, never 0."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

# scipy.stats takes a second to import; its distributions rest on these.
from scipy.special import nctdtr, stdtr, stdtrit

Judgement = Literal["better", "equivalent", "worse", "undecided"]

# Half a point of accuracy: differences within it are of no practical consequence.
EQUIVALENCE = 0.005
# Under so many seeds a paired comparison finds only differences of several SDs: it is a smoke test, without a verdict.
SEEDS_FOR_A_CLAIM = 5


@dataclass(frozen=True)
class Interval:
    """A two-sided confidence interval, in the unit of its values."""

    low: float
    high: float
    level: float = 0.95


@dataclass(frozen=True)
class Estimate:
    """Values over seeds, and what they say about the mean. `sd` needs two values, `interval` a variance."""

    values: tuple[float, ...]
    mean: float
    sd: float | None
    interval: Interval | None
    worst: float
    best: float


@dataclass(frozen=True)
class PairedDifference:
    """Differences of the seeds that both sides have, first minus second."""

    seeds: tuple[int, ...]
    estimate: Estimate
    least_detectable: float | None  # at 80 % power, in the unit of the values
    p_value: float | None  # two-sided paired t against no difference
    verdict: Judgement  # 'undecided' under `SEEDS_FOR_A_CLAIM` seeds, whatever the interval

    @property
    def claims(self) -> bool:
        """Whether there are seeds enough for any verdict."""
        return len(self.seeds) >= SEEDS_FOR_A_CLAIM


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
    # Differences of accuracies k/n carry rounding of 1e-17, which is no variance.
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


@lru_cache(maxsize=256)
def detectable_sds(n: int, alpha: float = 0.05, power: float = 0.8) -> float | None:
    """The least difference, in SDs of the paired differences, that a two-sided t-test of n pairs finds.

    Exact through the noncentral t: power = P(|T'(n-1, d sqrt n)| > t critical). None under two pairs.
    """
    if n < 2:
        return None
    critical = float(stdtrit(n - 1, 1 - alpha / 2))

    def found(effect: float) -> float:
        shift = effect * n**0.5
        # scipy 1.17 gives nan for the far tail of a large shift, where numerical integration gives 0.
        far = float(nctdtr(n - 1, shift, -critical))
        return 1 - float(nctdtr(n - 1, shift, critical)) + (0.0 if math.isnan(far) else far)

    low, high = 0.0, 1.0
    while found(high) < power:
        low, high = high, 2 * high
    for _ in range(50):  # halving: scipy.optimize would cost 0.2 s of import
        middle = (low + high) / 2
        low, high = (middle, high) if found(middle) < power else (low, middle)
    return high


def least_detectable(sd: float | None, n: int) -> float | None:
    """The least detectable difference in the unit of `sd`; None where there is no variance to judge by."""
    sds = detectable_sds(n)
    return sds * sd if sds is not None and sd else None


def paired_difference(
    first: Mapping[int, float], second: Mapping[int, float], margin: float = EQUIVALENCE
) -> PairedDifference | None:
    """`first - second` by seed, over the seeds that both have; None where they share none."""
    seeds = tuple(sorted(first.keys() & second.keys()))
    if not seeds:
        return None
    found = estimate([first[seed] - second[seed] for seed in seeds])
    p_value = None
    if found.sd:
        t = abs(found.mean) / (found.sd / len(seeds) ** 0.5)
        p_value = 2 * float(stdtr(len(seeds) - 1, -t))
    verdict = judge_interval(found.interval, margin) if len(seeds) >= SEEDS_FOR_A_CLAIM else "undecided"
    return PairedDifference(seeds, found, least_detectable(found.sd, len(seeds)), p_value, verdict)


def judge_interval(interval: Interval | None, margin: float = EQUIVALENCE) -> Judgement:
    """Where an interval lies against -margin..margin: wholly above, inside, below, or none of these."""
    if interval is None:
        return "undecided"
    if interval.low > margin:
        return "better"
    if interval.high < -margin:
        return "worse"
    return "equivalent" if -margin <= interval.low and interval.high <= margin else "undecided"


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values that hold for the whole family at once (Holm 1979), in the order given."""
    adjusted = [0.0] * len(p_values)
    running = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = running
    return adjusted
