"""Fieller's interval by hand and against its definition; scipy's t-test as oracle."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from kdbench.statistics.gap import gap_closed, ratio_interval, retention

POINTS = st.integers(0, 100).map(lambda k: k / 1000)


def test_by_hand():
    # Gains .02, .03, .04, gaps .09, .10, .11: all variances and the covariance 1e-4; t(2, .975)^2 / 3 = 6.17095.
    # In units of 1e-4: 100 - 6.17095 = 93.82905; 30 - 6.17095 = 23.82905; 9 - 6.17095 = 2.82905.
    alone = {0: 0.71, 1: 0.70, 2: 0.69}
    found = gap_closed({0: 0.73, 1: 0.73, 2: 0.73}, alone, 0.80)
    assert found.value == pytest.approx(0.3)
    half = math.sqrt(23.82905**2 - 93.82905 * 2.82905)
    assert found.interval.low == pytest.approx((23.82905 - half) / 93.82905, rel=1e-5)
    assert found.interval.high == pytest.approx((23.82905 + half) / 93.82905, rel=1e-5)
    assert (found.seeds, found.reason) == ((0, 1, 2), None)
    assert found.gap.mean == pytest.approx(0.1)


@given(st.lists(st.tuples(POINTS, POINTS), min_size=3, max_size=10))
def test_the_bounds_are_where_a_paired_t_test_turns(values):
    above, below = [a for a, _ in values], [0.05 + b for _, b in values]
    found = ratio_interval(above, below)
    assume(found is not None and found.high - found.low > 1e-3)
    for bound in (found.low, found.high):
        left = [a - bound * b for a, b in zip(above, below, strict=True)]
        assert stats.ttest_1samp(left, 0).pvalue == pytest.approx(0.05, rel=1e-4)
    middle = [a - (found.low + found.high) / 2 * b for a, b in zip(above, below, strict=True)]
    assert stats.ttest_1samp(middle, 0).pvalue > 0.05


@given(st.lists(st.tuples(POINTS, POINTS), min_size=2, max_size=10))
def test_bounded_exactly_where_the_gap_is_told_from_0(values):
    above, below = [a for a, _ in values], [b - 0.02 for _, b in values]
    assume(len(set(below)) > 1)
    low, high = stats.t.interval(0.95, len(below) - 1, loc=sum(below) / len(below), scale=stats.sem(below))
    assume(min(abs(low), abs(high)) > 1e-9)
    assert (ratio_interval(above, below) is None) == (low < 0 < high)


def test_a_teacher_by_seed_is_paired():
    # Teacher and student alone go up and down together: the gap is .10 but for .001, whatever their spread.
    alone = {0: 0.5, 1: 0.7, 2: 0.9}
    teacher = {0: 0.601, 1: 0.8, 2: 0.999}
    distilled = {0: 0.55, 1: 0.75, 2: 0.95, 3: 0.95}
    found = gap_closed(distilled, alone, teacher)
    assert found.value == pytest.approx(0.5)
    assert found.interval.low == pytest.approx(0.5, abs=0.02)
    assert found.interval.high == pytest.approx(0.5, abs=0.02)
    assert gap_closed(distilled, alone, 0.8).value is None


def test_seeds_that_a_side_lacks_are_left_out():
    found = gap_closed({0: 0.73, 1: 0.73, 4: 0.1, 5: 0.1}, {0: 0.71, 1: 0.70, 3: 0.2, 5: 0.1}, {0: 0.8, 1: 0.8, 2: 0.9})
    assert found.seeds == (0, 1)


@pytest.mark.parametrize(
    ("alone", "teacher", "reason"),
    [
        ({0: 0.7, 1: 0.8, 2: 0.9}, 0.82, "includes 0"),
        ({0: 0.71, 1: 0.70, 2: 0.69}, 0.6, "the teacher is worse"),
        ({0: 0.7, 1: 0.7, 2: 0.7}, 0.8, "the same for all seeds"),
        ({0: 0.7}, 0.8, "one seed"),
        ({7: 0.7}, 0.8, "no seed"),
    ],
)
def test_no_figure_without_a_gap(alone, teacher, reason):
    found = gap_closed({0: 0.73, 1: 0.73, 2: 0.73}, alone, teacher)
    assert (found.value, found.interval) == (None, None)
    assert reason in found.reason


def test_retention():
    found = retention({0: 0.72, 1: 0.76}, 0.8)
    assert found.values == (pytest.approx(0.9), pytest.approx(0.95))
    # SD .05/sqrt 2, half-width 12.7062 * .05 / 2
    assert found.interval.low == pytest.approx(0.925 - 12.7062 * 0.025, abs=1e-5)
    assert retention({0: 0.72, 1: 0.76, 2: 0.5}, {0: 0.9, 1: 0.95, 2: 0.0}).values == (
        pytest.approx(0.8),
        pytest.approx(0.8),
    )
    assert retention({0: 0.72}, {}) is None
