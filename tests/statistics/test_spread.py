"""Spreads by hand, scipy.stats as oracle."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from kdbench.statistics.spread import brown_forsythe, collapsed, sd_bound, stability

ACCURACIES = st.lists(st.integers(0, 1000).map(lambda k: k / 1000), min_size=2, max_size=9)


def test_stability_by_hand():
    # Mean .90; SD sqrt((4 + 1 + 0 + 1 + 4) / 4) = sqrt 2.5 hundredths; quartiles .89 and .91.
    found = stability([0.88, 0.89, 0.90, 0.91, 0.92], chance=0.1)
    sd = math.sqrt(2.5) / 100
    assert found.mean == pytest.approx(0.90)
    assert found.sd == pytest.approx(sd)
    assert found.iqr == pytest.approx(0.02)
    assert found.cv == pytest.approx(sd / 0.90)
    assert (found.worst, found.best, found.range) == (0.88, 0.92, pytest.approx(0.04))
    assert (found.collapsed, found.collapsed_interval.low) == (0, 0.0)
    # chi-square(4): .975 quantile 11.1433, .025 quantile .484419 (any table).
    assert found.sd_interval.low == pytest.approx(sd * math.sqrt(4 / 11.1433), rel=1e-5)
    assert found.sd_interval.high == pytest.approx(sd * math.sqrt(4 / 0.484419), rel=1e-5)


def test_one_seed_has_no_spread():
    found = stability([0.9], chance=None)
    assert (found.sd, found.sd_interval, found.iqr, found.cv, found.range, found.collapsed) == (None,) * 6
    assert found.collapsed_interval is None
    assert (found.mean, found.worst, found.best) == (0.9, 0.9, 0.9)
    with pytest.raises(ValueError, match="no values"):
        stability([], chance=0.1)


def test_equal_seeds_claim_no_certainty():
    found = stability([0.9, 0.9, 0.9], chance=0.1)
    assert (found.sd, found.sd_interval, found.cv) == (0.0, None, 0.0)
    assert stability([0.0, 0.0], chance=0.1).cv is None


def test_upper_bound_of_an_sd_of_three_seeds():
    # chi-square(2) is exponential with mean 2: its .2 quantile is -2 ln .8 = .446287; sqrt(2 / .446287) = 2.11693.
    assert sd_bound(1.0, 3, 0.8) == pytest.approx(math.sqrt(2 / (-2 * math.log(0.8))))
    assert sd_bound(1.0, 3, 0.8) == pytest.approx(2.11693, abs=1e-5)
    assert sd_bound(0.0, 3, 0.8) is None
    assert sd_bound(None, 1, 0.8) is None


@pytest.mark.parametrize(
    ("values", "chance", "lost"),
    [
        ([0.90, 0.91, 0.12, 0.92], 0.1, [2]),  # limit .1 + .1 x .82 = .182
        ([0.10, 0.11, 0.12, 0.92], 0.1, [0, 1, 2]),  # most have, and a median would hide it
        ([0.182, 0.92], 0.1, [0]),  # at the limit
        ([0.183, 0.92], 0.1, []),
        ([0.10, 0.104, 0.098], 0.1, [0, 1, 2]),  # none learned: the limit is .1 + .1 x .1 = .11
        ([0.52, 0.95], 0.5, [0]),  # limit .5 + .1 x .5 = .55
        ([0.0012, 0.0011, 0.02], 0.001, [0, 1]),  # limit .001 + .1 x .019 = .0029
    ],
)
def test_collapsed_seeds_by_hand(values, chance, lost):
    assert [index for index, gone in enumerate(collapsed(values, chance)) if gone] == lost


def test_the_share_of_collapsed_seeds_has_an_exact_interval():
    found = stability([0.90, 0.91, 0.12, 0.92], chance=0.1)
    oracle = stats.binomtest(1, 4).proportion_ci(0.95, method="exact")
    assert found.collapsed == 1
    assert (found.collapsed_interval.low, found.collapsed_interval.high) == pytest.approx((oracle.low, oracle.high))


@given(st.lists(ACCURACIES, min_size=2, max_size=5))
def test_brown_forsythe_agrees_with_scipy(groups):
    found = brown_forsythe(groups)
    distances = [np.abs(np.array(group) - np.median(group)) for group in groups]
    if all(np.ptp(one) < 1e-12 for one in distances):
        assert found is None
    else:
        oracle = stats.levene(*groups, center="median")
        assert found == (pytest.approx(oracle.statistic, rel=1e-6), pytest.approx(oracle.pvalue, rel=1e-6))


def test_brown_forsythe_takes_two_groups_that_spread():
    assert brown_forsythe([[0.1, 0.2]]) is None
    assert brown_forsythe([[0.1, 0.2, 0.4], [0.5]]) is None
    assert brown_forsythe([[0.1, 0.1], [0.5, 0.5]]) is None
    tight, wide = [0.90, 0.901, 0.902, 0.899, 0.898], [0.80, 0.90, 0.95, 0.70, 0.99]
    assert brown_forsythe([tight, wide])[1] < 0.05
    assert brown_forsythe([tight, wide, [0.3]]) == brown_forsythe([tight, wide])
