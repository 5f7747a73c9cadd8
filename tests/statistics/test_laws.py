"""Known parameters recovered, scipy.optimize as oracle of the least squares, and hand-worked criteria."""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import least_squares

from kdbench.statistics.laws import effective_number, fit_laws

X = np.arange(0, 31, dtype=float)
TRUE = {
    "linear": {"m": 0.01, "b": 0.3},
    "power law": {"a": 0.9, "b": 0.4, "c": 0.6},
    "exponential": {"a": 0.9, "b": 0.6, "c": 0.15},
}
LAWS = {
    "linear": lambda x, m, b: m * x + b,
    "power law": lambda x, a, b, c: a - b * np.maximum(x, 0.5) ** -c,  # any finite number serves at 0
    "exponential": lambda x, a, b, c: a - b * np.exp(-c * x),
}


@pytest.mark.parametrize("scale", [1, 54_000], ids=["epochs", "samples"])
@pytest.mark.parametrize("name", TRUE)
def test_noiseless_curves_are_recovered(name, scale):
    found = fit_laws(list(X * scale), list(LAWS[name](X, **TRUE[name])))
    best = found.best
    assert (best.name, best is found.candidates[0], found.reason) == (name, True, None)
    assert best.rmse < 1e-6
    # In samples: m and c of the exponential are per sample; b of the power law is what a sample's accuracy lacks.
    p = dict(TRUE[name])
    if name == "power law":
        p["b"] *= scale ** p["c"]
    else:
        last = "m" if name == "linear" else "c"
        p[last] /= scale
    assert best.parameters == pytest.approx(p, rel=1e-4)
    assert best.predict(np.array([[10.0 * scale]])) == pytest.approx(
        LAWS[name](np.array([[10.0]]), **TRUE[name]), abs=1e-6
    )


@pytest.mark.parametrize("name", TRUE)
def test_slightly_noisy_curves_are_recovered(name):
    noise = np.random.default_rng(0).normal(0, 0.001, len(X))
    best = fit_laws(list(X), list(LAWS[name](X, **TRUE[name]) + noise)).best
    assert best.name == name
    assert best.parameters == pytest.approx(TRUE[name], rel=0.05)
    assert 0.0005 < best.rmse < 0.002


def test_the_first_80_percent_are_fitted_and_the_rest_is_foreseen():
    y = LAWS["linear"](X, 0.01, 0.3)
    y[25:] += 0.1  # of the 30 points after 0, the first 24 are fitted
    found = fit_laws(list(X), list(y))
    line = next(fit for fit in found.candidates if fit.name == "linear")
    assert found.points == 30
    assert line.parameters == pytest.approx(TRUE["linear"])
    assert line.rmse == pytest.approx(0.1)
    # Carried on from point 24, the line's .01 a point and the step are missed: errors .11 to .16.
    assert found.carried_rmse == pytest.approx(math.sqrt(sum((0.1 + k / 100) ** 2 for k in range(1, 7)) / 6))


def test_the_untrained_point_serves_none():
    y = LAWS["power law"](X, **TRUE["power law"])
    assert fit_laws(list(X), [0.1, *y[1:]]) == fit_laws(list(X[1:]), list(y[1:]))


def test_criteria_of_a_line():
    # 25 points, of which 20 are fitted; neighbours stray to opposite sides, so that each counts as one.
    y = [0.5 + 0.004 * (-1) ** x + 0.001 * x for x in range(1, 21)] + [0.524] * 5
    found = fit_laws(range(1, 26), y)
    assert found.effective == 20
    line = next(fit for fit in found.candidates if fit.name == "linear")
    oracle = stats.linregress(range(1, 21), y[:20])
    assert line.parameters == pytest.approx({"m": oracle.slope, "b": oracle.intercept})
    # With one slope the F-test is the t-test of the slope.
    assert line.p_value == pytest.approx(oracle.pvalue)
    left = sum((v - oracle.intercept - oracle.slope * x) ** 2 for x, v in enumerate(y[:20], 1))
    # AICc with k = 3: n ln(RSS / n) + 2*3 + 2*3*4/(20-4)
    assert line.aicc == pytest.approx(20 * math.log(left / 20) + 6 + 1.5)
    assert not line.holds


def test_the_effective_number_by_hand():
    # Sums of products of neighbours and of squares: 2 (1 + 1 + 1 - 1 + ...) over 12: r = 7 / 12 before its correction
    residuals = np.array([1.0] * 3 + [-1.0] * 3 + [1.0] * 3 + [-1.0] * 3)
    found = (8 - 3) / 12
    r = (found + 2 / 12) / (1 - 4 / 12)
    assert effective_number(residuals, 2) == pytest.approx(12 * (1 - r) / (1 + r))
    assert effective_number(np.array([1.0, -1.0] * 6), 2) == 12  # neighbours that differ count no more than 12
    assert effective_number(np.full(12, 1e-7), 2) == 12  # rounding is no error that lasts


def test_errors_that_last_are_too_few():
    y = 0.8 + 0.02 * np.sin(X / 3)
    found = fit_laws(list(X), list(y))
    assert (found.best, found.reason, found.candidates) == (None, "correlated", ())
    assert found.effective < 5


def test_a_law_must_be_better_than_the_same_over_the_learning_rate_spent():
    spent = X / 2 + 15 / np.pi * np.sin(np.pi * X / 30)
    noise = np.random.default_rng(0).normal(0, 0.003, len(X))
    y = list(LAWS["exponential"](spent, 0.9, 0.6, 0.2) + noise)
    assert fit_laws(list(X), y, list(spent)).reason == "scheduled"
    straight = list(LAWS["exponential"](X, **TRUE["exponential"]))
    assert fit_laws(list(X), straight, list(spent)).best.name == "exponential"
    assert fit_laws(list(X), straight, list(X)).reason == "scheduled"  # what explains as much is not better


def test_a_plateau_has_no_fit():
    found = fit_laws(list(X), [0.8] * len(X))
    assert (found.best, found.reason) == (None, "flat")
    assert len(found.candidates) == 3


def test_noise_has_no_fit_more_often_than_not():
    rng = np.random.default_rng(1)
    found = [fit_laws(list(X), list(rng.normal(0.8, 0.01, len(X)))) for _ in range(40)]
    assert sum(each.best is None for each in found) >= 36
    # Against the carried last value alone most would count as laws, which is why a constant is asked as well.
    assert sum(min(fit.rmse for fit in each.candidates) < each.carried_rmse for each in found) > 20


def test_two_dozen_evaluations_are_enough_for_a_clean_curve():
    noise = 0.001 * np.array([1, -1, 0, 1, 0, -1, 1, -1] * 3)
    y = LAWS["power law"](np.arange(1.0, 25), 0.95, 0.16, 0.5) + noise
    assert fit_laws(range(1, 25), list(y)).best.name == "power law"


def test_a_falling_curve_is_a_line_or_nothing():
    best = fit_laws(list(X), list(0.9 - 0.01 * X)).best
    assert best.name == "linear"
    assert best.parameters["m"] == pytest.approx(-0.01)
    noise = 0.1 * (-1) ** X
    bent = fit_laws(list(X), list(0.9 / (1 + X) + noise))  # the curved laws rise, so that neither is this hyperbola
    assert all(fit.parameters["b"] >= 0 for fit in bent.candidates if fit.name != "linear")


def test_too_few_points_have_no_law():
    rising = [0.1 + 0.02 * i for i in range(25)]
    found = fit_laws(range(24), rising[:24])  # the one at 0 does not count
    assert (found.best, found.reason, found.candidates, found.points) == (None, "short", (), 23)
    assert len(fit_laws(range(25), rising).candidates) == 3
    assert fit_laws([], []).reason == "short"


@pytest.mark.parametrize(("x", "y"), [([1, 2], [0.1]), ([1, 1], [0.1, 0.2])])
def test_what_is_no_curve_is_an_error(x, y):
    with pytest.raises(ValueError, match="x"):
        fit_laws(x, y)


@pytest.mark.parametrize("name", ["power law", "exponential"])
@pytest.mark.parametrize("seed", range(6))
def test_no_other_start_finds_a_better_fit(name, seed):
    """Curves of any bend with heavy noise, so that bounds bind; scipy's trust region from 30 starts as oracle."""
    rng = np.random.default_rng(seed)
    x = np.arange(1.0, 26)
    y = np.clip(rng.uniform(0.5, 1.1) - rng.uniform(0, 0.8) * x ** -rng.uniform(0.1, 2) + rng.normal(0, 0.03, 25), 0, 1)
    ours = next(fit for fit in fit_laws(x, y).candidates if fit.name == name).predict(x)[:20] - y[:20]
    highest = 10.0
    bounds = ([0, 0, 0.01 if name == "power law" else 0.01 / 20], [1, np.inf, highest])
    starts = zip(rng.uniform(0.3, 1, 30), rng.uniform(0.1, 1, 30), rng.uniform(0.02, 3, 30), strict=True)
    oracle = min(
        float(2 * least_squares(lambda p: LAWS[name](x[:20], *p) - y[:20], start, bounds=bounds).cost)
        for start in starts
    )
    assert float(ours @ ours) <= oracle * (1 + 1e-6) + 1e-12


def test_the_same_every_time():
    y = list(np.random.default_rng(0).normal(0.8, 0.01, len(X)))
    assert fit_laws(list(X), y) == fit_laws(list(X), y)
