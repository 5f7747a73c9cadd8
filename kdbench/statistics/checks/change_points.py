"""Change points of a series: where its level moved, by more than its noise explains."""

import math
from collections.abc import Sequence

import numpy as np

PENALTY = 5.0  # times the variance of the noise and ln n: docs/method.md has how often a level that never moved is cut
SHORTEST = 2  # points between two changes: one point that lies apart is no change
FEWEST = 6  # points: of fewer nothing is said


def noise_of(values: Sequence[float], errors: Sequence[float] = ()) -> float:
    """The SD of single points about their level: by successive differences, which a change of level hardly widens.

    Not under the median of their own standard errors, where these are known: points that repeat exactly, as those of
    a training that is the same bit for bit, would tell that a later one differs, and not that it would differ again.
    """
    steps = np.diff(np.asarray(values, dtype=np.float64))
    own = float(np.median(errors)) if len(errors) else 0.0
    return max(math.sqrt(float(np.mean(steps**2)) / 2) if len(steps) else 0.0, own)


def change_points(values: Sequence[float], errors: Sequence[float] = ()) -> list[int]:
    """The first point of each new level: PELT with squared errors (Killick, Fearnhead, Eckley 2012), by ruptures.

    `errors` are the standard errors of the values. None where there are fewer than `FEWEST` values.
    """
    from ruptures import Pelt  # .1 s

    noise = noise_of(values, errors)
    if len(values) < FEWEST or not noise:
        return []
    scaled = np.asarray(values, dtype=np.float64) / noise
    found: list[int] = Pelt(model="l2", min_size=SHORTEST, jump=1).fit_predict(scaled, PENALTY * math.log(len(values)))
    return found[:-1]
