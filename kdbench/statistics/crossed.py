"""Means over seeds and test samples at once: their errors allow for other seeds and for other samples.

A table [seeds, samples] holds what each trained network scores on each test sample: 1 where it is right, 0 where it is
wrong, or a difference of two such values. All networks share the samples, so the spread over seeds alone says nothing
about another test split.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kdbench.statistics.intervals import Error, Estimate, Interval, estimate_with

Table = NDArray[np.floating[Any]] | NDArray[np.bool_]


@dataclass(frozen=True)
class Parts:
    """Variances of the mean of a table of n seeds and N samples: two-way random effects, one value in a cell."""

    seeds: float  # of the seeds' means, over n
    samples: float  # what other samples add: the variance of the samples' means over N, without the residual's part
    shape: tuple[int, int]  # n and N

    def error(self, weight: float = 1.0) -> Error | None:
        """Of the mean, with the seeds' part taken `weight` times; None without a variance."""
        parts = ((weight * self.seeds, self.shape[0] - 1.0), (self.samples, self.shape[1] - 1.0))
        found = tuple(part for part in parts if part[0] > 0)
        return Error(found) if found else None


def variance_parts(table: Table) -> Parts | None:
    """The parts of a table; None where it has one seed or one sample.

    The means of seeds and those of samples both contain the residual, so the variance of the mean is s^2 / n + v / N -
    r / (nN). By chance s^2 / n may be under r / (nN), of which it is the expectation where seeds do not differ: it is
    then taken as r / (nN), so that the sum is never under the part of the samples.
    """
    n, samples = table.shape
    if n < 2 or samples < 2:
        return None
    values = table.astype(np.float64)
    by_seed, by_sample = values.mean(axis=1), values.mean(axis=0)
    rest = values - by_seed[:, None] - by_sample[None, :] + values.mean()
    residual = float((rest**2).sum()) / ((n - 1) * (samples - 1) * n * samples)
    seeds = max(float(by_seed.var(ddof=1)) / n, residual)
    return Parts(_whole(seeds), _whole(float(by_sample.var(ddof=1)) / samples - residual), (n, samples))


def _whole(variance: float) -> float:
    """0 for what is rounding error of values between -1 and 1, and for less than 0."""
    return variance if variance > 1e-24 else 0.0


def crossed_estimate(table: Table, level: float = 0.95) -> Estimate:
    """Each seed's mean over the samples, with an interval of their mean for other seeds and other samples.

    Raises `ValueError` for an empty table.
    """
    parts = variance_parts(table)
    return estimate_with(parts.error() if parts else None, table.mean(axis=1).tolist(), level)


def prediction_interval(table: Table, level: float = 0.95) -> Interval | None:
    """Where the mean over samples of one further seed lies, for other samples too; None without a variance.

    The seeds' variance s^2 (1 + 1/n), and what other samples add.
    """
    parts = variance_parts(table)
    error = parts.error(weight=parts.shape[0] + 1) if parts else None
    return error.interval(float(table.mean()), level) if error else None
