"""Time or samples to a target: first crossings, censored where there is none, Kaplan-Meier curves, and ratios."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from kdbench.statistics.intervals import Interval, share_interval, t_interval
from kdbench.statistics.paired import SEEDS_FOR_A_CLAIM

# Of the teacher's validation accuracy (docs/method.md).
SHARES = (0.5, 0.9, 0.95, 0.99)
# With steps of at most a quarter of the time to the target, the interval of a ratio covers the truth in 93 to 95 % of
# cases; where 8 evaluations pass the target within two of them, in 43 to 71 % (`tests/methods/curves.py`).
COARSEST = 0.25
Amounts = Sequence[tuple[float, float]]  # rising, each with an accuracy


@dataclass(frozen=True)
class Crossing:
    """When a curve first reached its target, in the unit of its axis. Unreached: all three are the curve's end."""

    at: float  # the first evaluation at or above the target
    reached: bool
    after: float  # the evaluation before that one
    between: float  # where the straight line between those two meets the target


@dataclass(frozen=True)
class Reach:
    """Times to a target over seeds. The median is None where fewer than half reached it."""

    seeds: int
    reached: int
    rate: float  # share of the seeds that reached it within their run
    rate_interval: Interval
    times: tuple[float, ...]  # at which seeds reached it, rising
    survival: tuple[float, ...]  # share that has not reached it after each time (Kaplan-Meier)
    median: float | None
    median_low: float | None  # None where no bound can be given
    median_high: float | None  # None: unbounded; the median may lie beyond the runs' end
    level: float = 0.95


@dataclass(frozen=True)
class SampleEfficiency:
    """Samples of the student alone over those of the distilled one, to one target, by seed. Over 1: fewer are needed.

    A seed in which either did not reach the target has no ratio. In `only_distilled` of them the ratio is larger than
    the run can show, so the mean of the others favours the student alone; with `only_alone` it is the reverse.
    """

    seeds: tuple[int, ...]  # that have a ratio
    ratios: tuple[float, ...]  # of the interpolated crossings
    mean: float | None  # geometric
    interval: Interval | None  # Student-t on the logarithms; None where evaluations are too coarse
    bounds: tuple[float, float | None] | None  # of the mean: a crossing may lie anywhere between two evaluations
    only_distilled: int
    only_alone: int
    neither: int
    untrained: int  # one of them reached it before training, so there is no ratio

    @property
    def censored(self) -> int:
        return self.only_distilled + self.only_alone + self.neither


@dataclass(frozen=True)
class Saving:
    """What the rival needs for the same accuracy, over what was used: over 1, less is needed. By seed.

    In `above` of the seeds the rival never reaches the accuracy, in `below` its least amount gives more already: the
    ratio is then only known to lie beyond what was run.
    """

    ratios: tuple[float, ...]  # of the other seeds
    above: int
    below: int
    mean: float | None  # geometric; None where a seed is beyond what was run
    interval: Interval | None  # Student-t on the logarithms


def first_crossing(x: Sequence[float], accuracy: Sequence[float], target: float) -> Crossing:
    """The first evaluation with at least the target accuracy, even where noise lifted it; x rises.

    Raises `ValueError` without points.
    """
    if len(x) != len(accuracy) or not x:
        raise ValueError(f"{len(x)} x values against {len(accuracy)} accuracies, of which both need at least one")
    # 0.9 * 0.01 exceeds 0.009 by a rounding error, which must not count as unreached.
    index = next((i for i, value in enumerate(accuracy) if value >= target - 1e-12), None)
    if index is None:
        return Crossing(float(x[-1]), False, float(x[-1]), float(x[-1]))
    at, after = float(x[index]), float(x[max(index - 1, 0)])
    below, there = accuracy[max(index - 1, 0)], accuracy[index]
    share = min((target - below) / (there - below), 1.0) if there > below else 1.0
    return Crossing(at, True, after, after + share * (at - after))


def kaplan_meier(times: Sequence[float], reached: Sequence[bool], level: float = 0.95) -> Reach:
    """The Kaplan-Meier curve of the time to the target, its median with interval, and the share that reached it.

    times: when each seed reached the target, or where its curve ended unreached. The median is the first time at which
    at most half have not reached it.

    The median's interval is Brookmeyer and Crowley's (1982): where the log-log band with Greenwood's variance holds one
    half. It is left out under `SEEDS_FOR_A_CLAIM` seeds: all times of 3 seeds lie above the true median in 1 of 8
    draws. The rate's interval is Clopper and Pearson's, exact for any number of seeds. The estimator assumes censoring
    to be uninformative: true of a common end, not of runs that stopped because they no longer improved.
    Raises `ValueError` without times.
    """
    if not times or len(times) != len(reached):
        raise ValueError(f"{len(times)} times against {len(reached)} outcomes, of which both need at least one")
    n, successes = len(times), sum(reached)
    steps, survival, variance = survival_curve(times, reached)
    enough = n >= SEEDS_FOR_A_CLAIM
    low, high = median_bounds(steps, survival, variance, level) if enough else (None, None)
    return Reach(
        seeds=n,
        reached=successes,
        rate=successes / n,
        rate_interval=share_interval(successes, n, level),
        times=tuple(steps),
        survival=tuple(survival),
        median=_first_at_most_half(steps, survival),
        median_low=low,
        median_high=high,
        level=level,
    )


def survival_curve(times: Sequence[float], reached: Sequence[bool]) -> tuple[list[float], list[float], list[float]]:
    """Times, S after each, and Greenwood's variance of log S. A seed censored at a time is still at risk then."""
    pairs = list(zip(times, reached, strict=True))
    steps = sorted({time for time, there in pairs if there})
    survival, variance = [], []
    share, spread = 1.0, 0.0
    for step in steps:
        at_risk = sum(time >= step for time, _ in pairs)
        events = sum(there and time == step for time, there in pairs)
        share *= (at_risk - events) / at_risk
        spread += events / (at_risk * (at_risk - events)) if at_risk > events else math.inf
        survival.append(share)
        variance.append(spread)
    return steps, survival, variance


def median_bounds(
    times: Sequence[float], survival: Sequence[float], variance: Sequence[float], level: float = 0.95
) -> tuple[float | None, float | None]:
    """The first times at which the lower and the upper log-log band of S are at most one half; None where never."""
    z = float(ndtri((1 + level) / 2))
    bands = []
    for share, spread in zip(survival, variance, strict=True):
        if share <= 0:  # the variance is infinite: there is no upper band
            bands.append((0.0, 1.0))
            continue
        stretch = math.exp(z * math.sqrt(spread) / -math.log(share))
        bands.append((share**stretch, share ** (1 / stretch)))
    return (
        _first_at_most_half(times, [band[0] for band in bands]),
        _first_at_most_half(times, [band[1] for band in bands]),
    )


def sample_efficiency(
    alone: Mapping[int, Crossing], distilled: Mapping[int, Crossing], level: float = 0.95
) -> SampleEfficiency | None:
    """Samples to the same target, the student alone over the distilled one, paired by seed; None without shared seeds.

    Crossings are interpolated: whole evaluations round both sides up, which draws ratios to 1 (2.0 becomes 1.9 at 25
    evaluations). Where an evaluation is over `COARSEST` of the way apart from the one before, interpolation errs too,
    and there is no interval: `bounds` then gives the range that the evaluations leave open.
    """
    shared = sorted(alone.keys() & distilled.keys())
    if not shared:
        return None
    pairs = [(seed, alone[seed], distilled[seed]) for seed in shared]
    both = [(seed, a, d) for seed, a, d in pairs if a.reached and d.reached]
    usable = [(seed, a, d) for seed, a, d in both if a.between > 0 and d.between > 0]
    ratios = [a.between / d.between for _, a, d in usable]
    fine = all(x.at - x.after <= COARSEST * x.at for _, *sides in usable for x in sides)
    spread = t_interval([math.log(ratio) for ratio in ratios], level) if fine else None
    return SampleEfficiency(
        seeds=tuple(seed for seed, _, _ in usable),
        ratios=tuple(ratios),
        mean=_geometric_mean(ratios) if ratios else None,
        interval=Interval(math.exp(spread.low), math.exp(spread.high), level) if spread else None,
        bounds=_bounds([a for _, a, _ in usable], [d for _, _, d in usable]) if usable else None,
        only_distilled=sum(d.reached and not a.reached for _, a, d in pairs),
        only_alone=sum(a.reached and not d.reached for _, a, d in pairs),
        neither=sum(not a.reached and not d.reached for _, a, d in pairs),
        untrained=len(both) - len(usable),
    )


def saving(used: Mapping[int, tuple[float, float]], rival: Mapping[int, Amounts], level: float = 0.95) -> Saving | None:
    """Of amounts and accuracies by seed, against the curves of a rival; None without a seed in common.

    Between two amounts a curve is taken to rise in proportion to the logarithm of the amount; where it is not monotone,
    its first crossing counts.
    """
    seeds = [seed for seed in used if rival.get(seed)]
    if not seeds:
        return None
    ratios, above, below = [], 0, 0
    for seed in seeds:
        (amount, accuracy), curve = used[seed], rival[seed]
        crossing = first_crossing([math.log(each) for each, _ in curve], [each for _, each in curve], accuracy)
        if not crossing.reached:
            above += 1
        elif accuracy < curve[0][1]:
            below += 1
        else:
            ratios.append(math.exp(crossing.between) / amount)
    whole = not above and not below
    spread = t_interval([math.log(ratio) for ratio in ratios], level) if whole else None
    return Saving(
        ratios=tuple(ratios),
        above=above,
        below=below,
        mean=_geometric_mean(ratios) if whole else None,
        interval=Interval(math.exp(spread.low), math.exp(spread.high), level) if spread else None,
    )


def _bounds(alone: Sequence[Crossing], distilled: Sequence[Crossing]) -> tuple[float, float | None]:
    pairs = list(zip(alone, distilled, strict=True))
    high = _geometric_mean([a.at / d.after for a, d in pairs]) if all(d.after > 0 for _, d in pairs) else None
    return _geometric_mean([a.after / d.at for a, d in pairs]), high


def _geometric_mean(ratios: Sequence[float]) -> float:
    return math.exp(float(np.mean(np.log(ratios)))) if all(ratio > 0 for ratio in ratios) else 0.0


def _first_at_most_half(times: Sequence[float], shares: Sequence[float]) -> float | None:
    # A product such as 3/4 * 2/3 may exceed one half by a rounding error.
    return next((time for time, share in zip(times, shares, strict=True) if share <= 0.5 + 1e-12), None)
