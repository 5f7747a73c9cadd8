"""How many times less of something, such as training samples, gives the same accuracy as a rival reaches with more."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kdbench.statistics.intervals import Interval, t_interval
from kdbench.statistics.survival import first_crossing

Curve = Sequence[tuple[float, float]]  # amounts, rising, and accuracies


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


def saving(used: Mapping[int, tuple[float, float]], rival: Mapping[int, Curve], level: float = 0.95) -> Saving | None:
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
    spread = t_interval(np.log(ratios).tolist(), level) if whole else None
    return Saving(
        ratios=tuple(ratios),
        above=above,
        below=below,
        mean=math.exp(float(np.mean(np.log(ratios)))) if whole else None,
        interval=Interval(math.exp(spread.low), math.exp(spread.high), level) if spread else None,
    )
