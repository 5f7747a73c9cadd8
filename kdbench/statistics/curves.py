"""Learning curves over seeds: their mean, their band, the straight line through them, and the area under them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kdbench.statistics.intervals import Estimate, estimate

Curve = tuple[Sequence[int], Sequence[float]]  # epochs or samples, rising, and the accuracy (0 to 1) at each


@dataclass(frozen=True)
class LinearFit:
    """Least squares y = slope x + intercept; `r_squared` is None for a flat curve."""

    slope: float  # per epoch
    intercept: float
    r_squared: float | None


@dataclass(frozen=True)
class MeanCurve:
    """A figure by epoch, such as validation top-1 (0 to 1): mean, lowest and highest seed where all have one."""

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
    # Where the total is rounding error, R^2 would be arbitrary.
    flat = total <= 1e-24 * max(1.0, float(ys @ ys))
    r_squared = None if flat else 1 - float(left @ left) / total
    return LinearFit(slope, float(ys.mean() - slope * xs.mean()), r_squared)


def mean_curve(curves: Sequence[Curve]) -> MeanCurve | None:
    """The mean by epoch over seeds, with the band from the lowest to the highest seed; None without a shared epoch.

    The mean ends where the first seed stopped: keeping a seed's last value constant would show unmeasured values.
    """
    by_epoch = [dict(zip(*curve, strict=True)) for curve in curves]
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


def area_under(
    samples: Sequence[float], accuracy: Sequence[float], log: bool = False, end: float | None = None
) -> float | None:
    """The mean height (0 to 1) of a curve up to `end` samples (all of it by default), by trapezoids.

    `log` takes the mean over log samples, where each doubling counts the same. Sample 0 has no logarithm and is left
    out there: the mean then runs from the first evaluation after the beginning. A cut between two evaluations is
    interpolated on the same axis. None where the curve ends before `end` or spans nothing. Raises `ValueError` where
    samples do not rise.
    """
    if len(samples) != len(accuracy):
        raise ValueError(f"{len(samples)} sample counts against {len(accuracy)} accuracies")
    x, y = np.asarray(samples, dtype=np.float64), np.asarray(accuracy, dtype=np.float64)
    if (np.diff(x) <= 0).any() or (x < 0).any():
        raise ValueError("sample counts must rise from 0 or more")
    stop = end if end is not None else float(x[-1]) if len(x) else 0.0
    if log:
        x, y = x[x > 0], y[x > 0]
    if not len(x) or stop > x[-1] or stop <= x[0]:
        return None
    if log:
        x, stop = np.log(x), float(np.log(stop))
    inside = x < stop
    xs, ys = np.append(x[inside], stop), np.append(y[inside], np.interp(stop, x, y))
    return float(np.trapezoid(ys, xs) / (xs[-1] - xs[0]))


def areas(curves: Sequence[Curve], log: bool = False, end: float | None = None) -> tuple[float, Estimate] | None:
    """The samples up to which areas are taken, and the area under each seed's curve of samples up to there.

    All seeds share the same end, by default where the shortest curve ends: curves rise, so means over different lengths
    cannot be compared. To compare rows, give all of them the same `end`. None where a curve is too short.
    """
    ends = [samples[-1] if samples else 0 for samples, _ in curves]
    if not ends:
        return None
    stop = min(ends) if end is None else end
    found = [area_under(samples, accuracy, log, stop) for samples, accuracy in curves]
    whole = [area for area in found if area is not None]
    return (stop, estimate(whole)) if len(whole) == len(found) else None
