"""The history of checks: how often noise alone is cut, and how often a change or a slow drift is found."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from kdbench.statistics.checks.change_points import change_points
from tests.methods.share import Share, count

CHECKS = (10, 20, 40)
STEP, DRIFT, SLOW = 3.0, 4.0, 6.0  # SDs of single checks: in the middle, over all checks, and of one check in ten
MOST_FALSE = 0.05
Series = NDArray[np.float64]


def shares(trials: int, seed: int = 0) -> list[Share]:
    """Each series costs milliseconds: an eighth of the trials."""
    random = np.random.default_rng(seed)
    part = max(1, trials // 8)
    found = []
    for checks in CHECKS:
        noise = random.normal(size=(part, checks))
        slow = noise + SLOW * (random.random(noise.shape) < 0.1)
        at = np.arange(checks)
        name = f"{checks} checks"
        found += [
            count("history: noise alone is cut", f"{name}, normal noise", "error", MOST_FALSE, _cut(noise)),
            count("history: one check in ten is slow: cut", f"{name}, slow by {SLOW:g} SDs", "share", None, _cut(slow)),
            count(
                "history: a change is found", f"{name}, {STEP:g} SDs in the middle", "share", None,
                _cut(noise + STEP * (at >= checks // 2)),
            ),
            count(
                "history: a slow drift is found", f"{name}, {DRIFT:g} SDs over all of them", "share", None,
                _cut(noise + DRIFT * at / checks),
            ),
        ]  # fmt: skip
    return sorted(found, key=lambda share: share.what)


def _cut(series: Iterable[Series]) -> list[bool]:
    return [bool(change_points(row.tolist())) for row in series]
