"""Hand-worked values, and scipy.stats as oracle."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from kdbench.statistics import intervals as s

ACCURACIES = st.lists(st.integers(0, 10_000).map(lambda k: k / 10_000), min_size=2, max_size=12)


def test_estimate_by_hand():
    found = s.estimate([0.90, 0.92, 0.94])
    assert found.mean == pytest.approx(0.92)
    assert found.sd == pytest.approx(0.02)
    # t(2, .975) = 4.30265
    assert found.interval.low == pytest.approx(0.92 - 4.30265 * 0.02 / math.sqrt(3), abs=1e-6)
    assert (found.worst, found.best) == (0.90, 0.94)


@given(ACCURACIES)
def test_interval_agrees_with_scipy(values):
    found = s.estimate(values)
    if found.sd:
        low, high = stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))
        assert (found.interval.low, found.interval.high) == (pytest.approx(low), pytest.approx(high))
    else:
        assert found.interval is None
        assert len(set(values)) == 1
    assert found.worst <= found.mean <= found.best


@pytest.mark.parametrize("values", [[0.9], [0.9, 0.9, 0.9], [0.1 + 0.2, 0.3, 0.3]])
def test_no_variance_gives_no_interval(values):
    found = s.estimate(values)
    assert found.interval is None
    assert not found.sd
    assert s.trimmed_mean(values, 0.0)[1] is None
    assert s.p_below(values, 0.0) is None


def test_no_values_is_an_error():
    with pytest.raises(ValueError, match="no values"):
        s.estimate([])


def test_p_below_agrees_with_scipy():
    values = [-0.02, -0.03, -0.025, -0.01]
    oracle = stats.ttest_1samp(values, -0.005, alternative="less")
    assert s.p_below(values, -0.005) == pytest.approx(oracle.pvalue)


def test_bound_and_p_value_say_the_same():
    values = [-0.02, -0.03, -0.025, -0.01]
    mean, error = s.trimmed_mean(values, 0.0)
    bound = mean + error.half_width(0.01)
    assert s.p_below(values, bound) == pytest.approx(0.01)


def test_a_trimmed_mean_by_hand():
    # A fifth of 1, 2, 3, 4, 100 is one at either end: the mean of 2, 3, 4; winsorized 2, 2, 3, 4, 4 with a variance of 1.
    # 4 x 1 / (3 x 2) = 2 / 3, with three quarters of 2 degrees of freedom.
    mean, error = s.trimmed_mean([100.0, 1.0, 4.0, 2.0, 3.0], 0.2)
    assert mean == 3.0
    assert error.parts == ((pytest.approx(2 / 3), 1.5),)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25])
def test_a_trimmed_mean_agrees_with_scipy(share):
    values = np.random.default_rng(0).standard_t(2, 23)
    mean, error = s.trimmed_mean(values.tolist(), share)
    oracle = stats.ttest_ind(
        values, np.zeros(23), equal_var=False, trim=share
    )  # Yuen's, of which one side has no spread
    ((variance, df),) = error.parts
    kept = s.TRIMMED_DF if share else 1.0
    assert (mean / variance**0.5, df) == (pytest.approx(oracle.statistic), pytest.approx(kept * oracle.df))


def test_two_parts_of_an_error_add_their_squared_widths():
    # t(4, .975) = 2.77645 and t(100, .975) = 1.98397: sqrt(2.77645^2 * .04 + 1.98397^2 * .01) = .58967
    error = s.Error(((0.04, 4.0), (0.01, 100.0)))
    found = error.interval(1.0)
    assert found.high - 1.0 == pytest.approx(0.58967, abs=1e-5)
    assert 1.0 - found.low == pytest.approx(0.58967, abs=1e-5)
    # The p-value is the level at which the interval ends at the limit, on either side of the mean.
    assert error.p_above(1.0, found.low) == pytest.approx(0.025)
    assert error.p_above(1.0, found.high) == pytest.approx(0.975)
    assert error.p_above(1.0, -1e9) < 1e-14


@pytest.mark.parametrize("limit", [0.2, 0.5, 0.9])
def test_one_part_of_an_error_is_the_usual_t_test(limit):
    values = [0.4, 0.6, 0.7, 0.5]
    oracle = stats.ttest_1samp(values, limit, alternative="greater").pvalue
    assert s.error_of(values).p_above(np.mean(values), limit) == pytest.approx(oracle)


@pytest.mark.parametrize(("k", "n"), [(0, 3), (1, 3), (3, 3), (7, 10)])
def test_share_interval_agrees_with_scipy(k, n):
    oracle = stats.binomtest(k, n).proportion_ci(0.95, method="exact")
    found = s.share_interval(k, n)
    assert (found.low, found.high) == (pytest.approx(oracle.low), pytest.approx(oracle.high))
