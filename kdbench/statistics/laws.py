"""Which law a learning curve follows: fitted to its first 80 %, and judged by its error on the rest."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import fdtrc

Floats = NDArray[np.float64]
# Why a curve has no law.
Reason = Literal["short", "correlated", "flat", "scheduled"]

POINTS_NEEDED = 24
SIGNIFICANT = 0.05
MOST_PARAMETERS = 3
ROUNDING = 1e-6  # accuracies of a million samples: smaller residuals are none
CLEARLY = 2.0  # units of AICc within which two models count as equally good (Burnham and Anderson 2002)
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
    aicc: float  # on the fitted points, of the effective number
    p_value: float  # of the F-test against a constant, likewise; an approximation for the curved laws
    holds: bool  # it predicts better than the last fitted value, and the F-test rejects a constant

    def predict(self, x: ArrayLike) -> Floats:
        """The law at x, of any shape; x > 0 for the power law."""
        return _LAWS[self.name](self.parameters, np.asarray(x, dtype=np.float64))


@dataclass(frozen=True)
class Fits:
    """The candidates, best first, and the first where it holds; None is 'no law', with its `reason`."""

    candidates: tuple[Fit, ...]
    best: Fit | None
    reason: Reason | None
    points: int  # with x > 0
    effective: float  # number of the fitted points that errors without serial correlation would need to say as much
    carried_rmse: float | None  # of the last fitted value as a constant, on the held-out points


def fit_laws(x: Sequence[float], y: Sequence[float], spent: Sequence[float] | None = None) -> Fits:
    """Least squares on the first 80 % of the points with x > 0, judged on the others; those that hold first, by AICc.

    x: epochs or samples, rising; at 0 the power law is infinite, so the untrained point is not used.
    y: accuracy, 0 to 1; the curved laws rise (b >= 0) to an asymptote a within 0 to 1.
    spent: the learning rate summed up to each x, in any unit, where it is not constant.

    A law holds if its error on the held-out points is under that of the last fitted value, and an F-test rejects a
    constant (5 %). The second condition is needed because a smooth law averages noise and the last value does not. The
    best of those that hold has the lowest AICc, since the few held-out points select the right law less often. Errors
    that are correlated from one evaluation to the next say less: both criteria count the effective number of points.

    'short': fewer than two dozen points. 'correlated': the effective number is too small for three parameters. 'flat':
    no law holds. 'scheduled': a law over `spent` is as good as the best over x, so that the schedule may have shaped
    the curve. All of it simulated in `tests/methods/curves.py`. Raises `ValueError` where x does not rise.
    """
    if len(x) != len(y) or len(x) != len(spent or x):
        raise ValueError(f"{len(x)} x values against {len(y)} y values and {len(spent or x)} sums of the learning rate")
    xs, ys, rates = (np.asarray(values, dtype=np.float64) for values in (x, y, spent or x))
    if (np.diff(xs) <= 0).any():
        raise ValueError("x must rise")
    rates, ys, xs = rates[xs > 0], ys[xs > 0], xs[xs > 0]
    fitted = int(0.8 * len(xs))
    if len(xs) < POINTS_NEEDED:
        return Fits((), None, "short", len(xs), fitted, None)
    start, carried = ys[:fitted], _rmse(ys[fitted:], float(ys[fitted - 1]))
    laws = _fit_all(xs[:fitted], start)
    missed = {name: ys - _LAWS[name](parameters, xs) for name, parameters in laws.items()}
    mine = [(missed[name][:fitted], len(parameters)) for name, parameters in laws.items()]
    rivals = _missed(rates[:fitted], start) if spent else []
    closest = min(mine + rivals, key=lambda each: _squares(each[0]) / (fitted - each[1]))
    number = effective_number(*closest)
    if number <= MOST_PARAMETERS + 2:
        return Fits((), None, "correlated", len(xs), number, carried)
    scatter = _squares(start - start.mean())
    candidates = []
    for name, parameters in laws.items():
        squares, rmse = _squares(missed[name][:fitted]), _rmse(missed[name][fitted:])
        p_value = _p_value(scatter / squares, number, len(parameters))
        aicc = _aicc(squares / fitted, number, len(parameters))
        candidates.append(Fit(name, parameters, rmse, aicc, p_value, rmse < carried and p_value < SIGNIFICANT))
    candidates.sort(key=lambda fit: (not fit.holds, fit.aicc))
    best, rival = candidates[0], min((_aicc(_squares(r) / fitted, number, p) for r, p in rivals), default=math.inf)
    reason: Reason | None = None if best.holds else "flat"
    if best.holds and rival < best.aicc + CLEARLY:
        reason = "scheduled"
    return Fits(tuple(candidates), None if reason else best, reason, len(xs), number, carried)


def effective_number(residuals: Floats, parameters: int) -> float:
    """n (1 - r) / (1 + r): as many independent errors say as much as n of a process of first order.

    r is the correlation of successive residuals without the bias that a fit of so many parameters gives it, about
    -(parameters + (parameters + 2) r) / n (Marriott and Pope 1954, for a mean); not under 0.
    """
    n, power = len(residuals), float(residuals @ residuals)
    if power <= n * ROUNDING**2:
        return n
    found = float(residuals[1:] @ residuals[:-1]) / power
    r = min(max((found + parameters / n) / (1 - (parameters + 2) / n), 0.0), 0.99)
    return n * (1 - r) / (1 + r)


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


def _missed(x: Floats, y: Floats) -> list[tuple[Floats, int]]:
    """Of each law over x, its residuals and the number of its parameters."""
    return [(y - _LAWS[name](parameters, x), len(parameters)) for name, parameters in _fit_all(x, y).items()]


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


def _rmse(y: Floats, predicted: float = 0.0) -> float:
    return float(np.sqrt(np.mean((y - predicted) ** 2)))


def _squares(residuals: Floats) -> float:
    # A fit without residuals would have an AICc of minus infinity.
    return max(float(residuals @ residuals), len(residuals) * ROUNDING**2)


def _aicc(variance: float, n: float, parameters: int) -> float:
    """Akaike's criterion for normal errors, corrected for few points (Hurvich and Tsai 1989); the variance counts."""
    k = parameters + 1
    return n * math.log(variance) + 2 * k + 2 * k * (k + 1) / (n - k - 1)


def _p_value(ratio: float, n: float, parameters: int) -> float:
    """P that a constant's squares over the law's are so large by chance: F(p - 1, n - p)."""
    gained = max(ratio - 1, 0.0) / (parameters - 1)
    return float(fdtrc(parameters - 1, n - parameters, gained * (n - parameters)))
