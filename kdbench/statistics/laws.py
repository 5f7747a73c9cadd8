"""Which law a learning curve follows: fitted to its first 80 %, and judged by its error on the rest."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import fdtrc

Floats = NDArray[np.float64]

# Six points are the fewest for which AICc exists with three parameters and a variance: 80 % of eight.
POINTS_NEEDED = 8
SIGNIFICANT = 0.05
_LAWS: Mapping[str, Callable[[Mapping[str, float], Floats], Floats]] = {
    "linear": lambda p, x: p["m"] * x + p["b"],
    "power law": lambda p, x: p["a"] - p["b"] * x ** -p["c"],
    "exponential": lambda p, x: p["a"] - p["b"] * np.exp(-p["c"] * x),
}


@dataclass(frozen=True)
class Fit:
    """One law with its parameters: 'linear' m x + b, 'power law' a - b x^-c, 'exponential' a - b e^(-c x)."""

    name: str
    parameters: Mapping[str, float]
    rmse: float  # on the held-out points
    aicc: float  # on the fitted points
    p_value: float  # of the F-test against a constant, on the fitted points; an approximation for the curved laws
    holds: bool  # it predicts better than the last fitted value, and the F-test rejects a constant

    def predict(self, x: ArrayLike) -> Floats:
        """The law at x, of any shape; x > 0 for the power law."""
        return _LAWS[self.name](self.parameters, np.asarray(x, dtype=np.float64))


@dataclass(frozen=True)
class Fits:
    """The candidates, best first, and the first where it holds; None is 'no fit', with its `reason`."""

    candidates: tuple[Fit, ...]
    best: Fit | None
    reason: str | None
    fitted: int  # points
    held_out: int  # points
    carried_rmse: float | None  # of the last fitted value as a constant, on the held-out points


def fit_laws(x: Sequence[float], y: Sequence[float]) -> Fits:
    """Least squares on the first 80 % of the points with x > 0, judged on the others; those that hold first, by AICc.

    x: epochs or samples, rising; at 0 the power law is infinite, so the untrained point is not used.
    y: accuracy, 0 to 1; the curved laws rise (b >= 0) to an asymptote a within 0 to 1.
    A law holds if its error on the held-out points is under that of the last fitted value, and an F-test rejects a
    constant (5 %). The second condition is needed because a smooth law averages noise and the last value does not: on a
    plateau the first condition alone finds a law in 7 or 8 of 10 curves. The best of those that hold has the lowest
    AICc, since the few held-out points select the right law less often (`tests/methods/curves.py`). Raises
    `ValueError` where x does not rise.
    """
    if len(x) != len(y):
        raise ValueError(f"{len(x)} x values against {len(y)} y values")
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if (np.diff(xs) <= 0).any():
        raise ValueError("x must rise")
    xs, ys = xs[xs > 0], ys[xs > 0]
    fitted = int(0.8 * len(xs))
    held = len(xs) - fitted
    if len(xs) < POINTS_NEEDED:
        reason = f"a fit needs {POINTS_NEEDED} evaluations of a trained model, and there are {len(xs)}"
        return Fits((), None, reason, fitted, held, None)
    carried = _rmse(ys[fitted:], float(ys[fitted - 1]))
    scatter = _squares(ys[:fitted] - ys[:fitted].mean())
    candidates = []
    for name, parameters in _fit_all(xs[:fitted], ys[:fitted]).items():
        predicted = _LAWS[name](parameters, xs)
        squares = _squares(ys[:fitted] - predicted[:fitted])
        rmse, p_value = _rmse(ys[fitted:], predicted[fitted:]), _p_value(scatter, squares, fitted, len(parameters))
        holds = rmse < carried and p_value < SIGNIFICANT
        candidates.append(Fit(name, parameters, rmse, _aicc(squares, fitted, len(parameters)), p_value, holds))
    candidates.sort(key=lambda fit: (not fit.holds, fit.aicc))
    best = candidates[0] if candidates[0].holds else None
    lost = None if best else "no law predicts better than the last value and differs from a constant"
    return Fits(tuple(candidates), best, lost, fitted, held, carried)


def _fit_all(x: Floats, y: Floats) -> dict[str, dict[str, float]]:
    slope, intercept = np.polyfit(x, y, 1)
    # Rates from nearly straight over the whole curve to flat before the second point; shapes are 1 at the first x.
    power = _fit_shape(lambda c: (x / x[0]) ** -c, y, 0.01, 10.0)
    fastest = min(10.0 / float(np.diff(x).min()), 500.0 / float(x[0]))  # e^(c x) must stay a number
    rate = _fit_shape(lambda c: np.exp(-c * (x - x[0])), y, 0.01 / float(x[-1]), fastest)
    return {
        "linear": {"m": float(slope), "b": float(intercept)},
        "power law": {"a": power[0], "b": power[1] * float(x[0]) ** power[2], "c": power[2]},
        "exponential": {"a": rate[0], "b": rate[1] * math.exp(rate[2] * float(x[0])), "c": rate[2]},
    }


def _fit_shape(shape: Callable[[Floats], Floats], y: Floats, low: float, high: float) -> tuple[float, float, float]:
    """(a, b, c) of the least squares a - b shape(c), with 0 <= a <= 1, b >= 0 and low <= c <= high.

    For a given c the best a and b follow in closed form (variable projection, Golub and Pereyra 1973), so that only c
    is searched: over a grid of its logarithm, then ever finer between the neighbours of the best. The same every time.
    """
    start, stop = math.log(low), math.log(high)
    for _ in range(8):
        grid = np.linspace(start, stop, 65)
        a, b, loss = _solve_linear_part(shape(np.exp(grid)[:, None]), y)
        best = int(loss.argmin())
        start, stop = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, 64)])
    return float(a[best]), float(b[best]), float(np.exp(grid[best]))


def _solve_linear_part(z: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    """a, b and the sum of squares of y - (a - b z) for each row of z [C, N], within 0 <= a <= 1 and b >= 0."""
    z_mean, y_mean = z.mean(axis=1), y.mean()
    across = z - z_mean[:, None]
    square = (across**2).sum(axis=1)
    b = np.where(square > 0, -(across @ (y - y_mean)) / np.where(square > 0, square, 1.0), 0.0)
    free = y_mean + b * z_mean
    # The sum of squares is convex in (a, b): its least value within the bounds is inside, or on one of three edges.
    inside = (b >= 0) & (free >= 0) & (free <= 1)
    a_options = [np.where(inside, free, np.nan)]
    b_options = [np.where(inside, b, np.nan)]
    for edge in (0.0, 1.0):
        a_options.append(np.full_like(b, edge))
        b_options.append(np.maximum(0.0, (z @ (edge - y)) / (z**2).sum(axis=1)))
    a_options.append(np.full_like(b, min(max(y_mean, 0.0), 1.0)))
    b_options.append(np.zeros_like(b))
    a_all, b_all = np.array(a_options), np.array(b_options)
    loss = ((y - (a_all[..., None] - b_all[..., None] * z)) ** 2).sum(axis=-1)
    loss = np.where(np.isnan(loss), np.inf, loss)
    pick, columns = loss.argmin(axis=0), np.arange(len(b))
    return a_all[pick, columns], b_all[pick, columns], loss[pick, columns]


def _rmse(y: Floats, predicted: Floats | float) -> float:
    return float(np.sqrt(np.mean((y - predicted) ** 2)))


def _squares(residuals: Floats) -> float:
    # A fit without residuals would have an AICc of minus infinity: residuals are taken as at least 1e-9.
    return max(float(residuals @ residuals), len(residuals) * 1e-18)


def _aicc(squares: float, n: int, parameters: int) -> float:
    """Akaike's criterion for normal errors, corrected for few points (Hurvich and Tsai 1989); the variance counts."""
    k = parameters + 1
    return n * math.log(squares / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1)


def _p_value(scatter: float, squares: float, n: int, parameters: int) -> float:
    """P of so much less than a constant's `scatter` by chance: F(p - 1, n - p)."""
    gained = max(scatter - squares, 0.0) / (parameters - 1)
    return float(fdtrc(parameters - 1, n - parameters, gained / (squares / (n - parameters))))
