"""What makes accuracies of a run differ: estimated from published records, for populations like them."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kdbench.results import ResultSet
from kdbench.statistics.spread import collapsed


@dataclass(frozen=True)
class Components:
    """SDs over seeds, as fractions: of what a seed does to all rows, of one network, and of its two measurements.

    `network` is what validation and test have in common: a network that is lucky is so on both. `validation` and `test`
    are what each adds by its samples.
    """

    seed: float
    network: float
    validation: float
    test: float


def components(results: ResultSet, pair: str) -> Components:
    """By moments: of the rows of a pair at the budget 1, without those of which a seed collapsed or has no result.

    Residuals are what is left of an accuracy without its row's mean and its seed's; the covariance of those on
    validation and on test is the variance of the network, and what each has beyond it is its own.
    """
    chance = 1 / results.done[0][1].classes
    rows: dict[str, dict[int, tuple[float, float]]] = {}
    for entry, trial in results.done:
        if (entry.pair, entry.role, entry.budget) == (pair, "student", 1.0):
            rows.setdefault(entry.row, {})[entry.seed] = trial.record.validation_top1, trial.test.top1
    most = max(map(len, rows.values()))
    table = np.array([[row[seed] for seed in sorted(row)] for row in rows.values() if len(row) == most])
    table = table[[not any(collapsed(row[:, 1].tolist(), chance)) for row in table]]
    validation, test = _residuals(table[..., 0]), _residuals(table[..., 1])
    losses, seeds = validation.shape
    df = (losses - 1) * (seeds - 1)
    network = max(0.0, float((validation * test).sum()) / df)
    by_seed = table[..., 1].mean(axis=0).var(ddof=1)
    return Components(
        seed=_root(float(by_seed) - float((test**2).sum()) / df / losses),
        network=_root(network),
        validation=_root(float((validation**2).sum()) / df - network),
        test=_root(float((test**2).sum()) / df - network),
    )


def _residuals(accuracies: NDArray[np.float64]) -> NDArray[np.float64]:
    rows, seeds = accuracies.mean(axis=1, keepdims=True), accuracies.mean(axis=0, keepdims=True)
    found: NDArray[np.float64] = accuracies - rows - seeds + accuracies.mean()
    return found


def _root(variance: float) -> float:
    return math.sqrt(max(0.0, variance))
