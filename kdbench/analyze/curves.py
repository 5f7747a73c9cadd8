"""Learning curves over seeds: their mean, their band, and the straight line through them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kdbench.results import CurvePoint


@dataclass(frozen=True)
class LinearFit:
    """Least squares y = slope x + intercept; `r_squared` is None for a flat curve."""

    slope: float  # per epoch
    intercept: float
    r_squared: float | None


@dataclass(frozen=True)
class MeanCurve:
    """Validation top-1 (0 to 1) by epoch: mean, lowest and highest seed. Only epochs that all seeds reached."""

    epochs: tuple[int, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    seeds: int


def fit_line(x: Sequence[float], y: Sequence[float]) -> LinearFit | None:
    """The least-squares line; None where x has fewer than two different values."""
    if len(x) != len(y):
        raise ValueError(f"{len(x)} x values against {len(y)} y values")
    if len(set(x)) < 2:
        return None
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    across, up = xs - xs.mean(), ys - ys.mean()
    slope = float(across @ up / (across @ across))
    total = float(up @ up)
    left = up - slope * across
    # A total of rounding errors alone would make R^2 an arbitrary number.
    flat = total <= 1e-24 * max(1.0, float(ys @ ys))
    r_squared = None if flat else 1 - float(left @ left) / total
    return LinearFit(slope, float(ys.mean() - slope * xs.mean()), r_squared)


def mean_curve(curves: Sequence[Sequence[CurvePoint]]) -> MeanCurve | None:
    """The mean over seeds with the band from the lowest to the highest seed; None without a shared epoch.

    A seed that stopped early ends the mean: carrying its last value on would draw what was not measured.
    """
    by_epoch = [{point.epoch: point.validation_top1 for point in curve} for curve in curves]
    if not by_epoch:
        return None
    epochs = sorted(set.intersection(*(set(curve) for curve in by_epoch)))
    if not epochs:
        return None
    values = np.array([[curve[epoch] for epoch in epochs] for curve in by_epoch])
    return MeanCurve(
        epochs=tuple(epochs),
        mean=tuple(values.mean(axis=0).tolist()),
        low=tuple(values.min(axis=0).tolist()),
        high=tuple(values.max(axis=0).tolist()),
        seeds=len(by_epoch),
    )
