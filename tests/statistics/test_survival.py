"""Hand-worked values, a published data set, and scipy.stats as oracle."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from kdbench.statistics import survival as s
from kdbench.statistics.survival import Crossing, saving

RIVAL = [(10.0, 0.5), (100.0, 0.7), (1000.0, 0.9)]
OUTCOMES = st.lists(st.tuples(st.integers(1, 8), st.booleans()), min_size=1, max_size=15)


def crossing(at, reached=True, after=None):
    after = at - 1 if after is None else after
    return Crossing(at, reached, after, at)


def test_first_crossing_by_hand():
    # .5 at 20 is the first at .45; the line from (10, .3) meets .45 three quarters of the way on.
    assert s.first_crossing([0, 10, 20, 30], [0.1, 0.3, 0.5, 0.4], 0.45) == Crossing(20, True, 10, pytest.approx(17.5))


def test_a_target_met_exactly_is_met():
    # 0.9 * 0.01 is 0.009000000000000001.
    assert s.first_crossing([0, 1], [0.001, 0.009], 0.9 * 0.01) == Crossing(1, True, 0, 1)


def test_there_before_training():
    assert s.first_crossing([0, 1], [0.5, 0.6], 0.4) == Crossing(0, True, 0, 0)


def test_never_there():
    assert s.first_crossing([0, 1, 2], [0.1, 0.3, 0.4], 0.5) == Crossing(2, False, 2, 2)
    with pytest.raises(ValueError, match="0 x values"):
        s.first_crossing([], [], 0.5)


def test_kaplan_meier_by_hand():
    # At risk 5, 4, 2: S = 4/5, * 3/4 = 3/5, * 1/2 = 3/10; the one censored at 2 still counts at 2.
    times, reached = [1, 2, 2, 3, 4], [True, True, False, True, False]
    steps, survival, variance = s.survival_curve(times, reached)
    assert steps == [1, 2, 3]
    assert survival == pytest.approx([0.8, 0.6, 0.3])
    # Greenwood: 1/(5*4), + 1/(4*3), + 1/(2*1)
    assert variance == pytest.approx([1 / 20, 1 / 20 + 1 / 12, 1 / 20 + 1 / 12 + 1 / 2])
    found = s.kaplan_meier(times, reached)
    assert (found.median, found.seeds, found.reached, found.rate) == (3, 5, 3, 0.6)


def test_freireich_1963():
    """Weeks of remission under 6-MP: the estimates that every textbook on survival prints, with a median of 23."""
    there = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    censored = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    found = s.kaplan_meier(there + censored, [True] * 9 + [False] * 12)
    assert found.times == (6, 7, 10, 13, 16, 22, 23)
    assert found.survival == pytest.approx((0.8571, 0.8067, 0.7529, 0.6902, 0.6275, 0.5378, 0.4482), abs=1e-4)
    assert (found.median, found.median_low, found.median_high) == (23, 13, None)


@given(OUTCOMES)
def test_kaplan_meier_agrees_with_scipy(outcomes):
    times, reached = zip(*outcomes, strict=True)
    steps, survival, variance = s.survival_curve(times, reached)
    there = [t for t, r in outcomes if r]
    oracle = stats.ecdf(stats.CensoredData(there, right=[t for t, r in outcomes if not r])).sf
    assert survival == pytest.approx(list(oracle.evaluate(np.array(steps))), abs=1e-12)
    if there:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # it has no band where S is 0
            band = oracle.confidence_interval(0.95, method="log-log")
        low, high = (
            np.nan_to_num(side.evaluate(np.array(steps)), nan=nan) for side, nan in ((band.low, 0), (band.high, 1))
        )
        assert s.median_bounds(steps, survival, variance) == tuple(
            next((t for t, share in zip(steps, side, strict=True) if share <= 0.5), None) for side in (low, high)
        )


@given(st.lists(st.integers(1, 9), min_size=1, max_size=15))
def test_without_censoring_the_median_is_the_lower_sample_median(times):
    assert s.kaplan_meier(times, [True] * len(times)).median == sorted(times)[(len(times) - 1) // 2]


def test_ten_uncensored_seeds_by_hand():
    # Var log S = (1 - S)/(10 S). S = .9: .9^exp(1.96 * sqrt(.01111)/.10536) = .9^7.1 = .473 <= .5, so from the first;
    # S = .3: .3^(1/exp(1.96 * sqrt(.23333)/1.20397)) = .578; S = .2: .2^(1/exp(1.96 * sqrt(.4)/1.60944)) = .475.
    found = s.kaplan_meier(range(1, 11), [True] * 10)
    assert (found.median_low, found.median, found.median_high) == (1, 5, 8)


def test_all_censored():
    found = s.kaplan_meier([5, 5, 5, 4, 5], [False] * 5)
    assert (found.rate, found.median, found.median_low, found.median_high) == (0, None, None, None)
    assert (found.times, found.survival) == ((), ())
    # 1 - (.025)^(1/5): the share under which none of 5 is seen in 1 of 40 draws
    assert (found.rate_interval.low, found.rate_interval.high) == (0, pytest.approx(1 - 0.025**0.2))


def test_under_five_seeds_there_is_no_interval():
    found = s.kaplan_meier([1, 2, 3, 4], [True] * 4)
    assert (found.median, found.median_low, found.median_high) == (2, None, None)


def test_all_at_the_same_time():
    found = s.kaplan_meier([3] * 6, [True] * 6)
    assert (found.median, found.median_low, found.median_high) == (3, 3, None)
    assert found.survival == (0,)


@pytest.mark.parametrize(("times", "reached"), [([], []), ([1, 2], [True])])
def test_times_without_outcomes_are_an_error(times, reached):
    with pytest.raises(ValueError, match="outcomes"):
        s.kaplan_meier(times, reached)


def test_sample_efficiency_by_hand():
    alone = {0: crossing(20), 1: crossing(40), 2: crossing(40)}
    distilled = {0: crossing(10), 1: crossing(10), 2: crossing(20)}
    found = s.sample_efficiency(alone, distilled)
    assert (found.seeds, found.ratios) == ((0, 1, 2), (2, 4, 2))
    assert found.mean == pytest.approx(16 ** (1 / 3))
    # logs in units of log 2: 1, 2, 1 -> mean 4/3, SD 1/sqrt 3, half-width 4.30265 / 3
    assert found.interval.low == pytest.approx(2 ** (4 / 3 - 4.30265 / 3), rel=1e-5)
    assert found.interval.high == pytest.approx(2 ** (4 / 3 + 4.30265 / 3), rel=1e-5)
    assert found.bounds[0] == pytest.approx((19 / 10 * 39 / 10 * 39 / 20) ** (1 / 3))
    assert found.bounds[1] == pytest.approx((20 / 9 * 40 / 9 * 40 / 19) ** (1 / 3))
    assert found.censored == 0


def test_ratios_are_those_of_interpolated_crossings():
    # Both are evaluated at 40 first, from which nothing could be told; the lines meet the target at 36 and at 32.
    found = s.sample_efficiency({0: Crossing(40, True, 30, 36)}, {0: Crossing(40, True, 30, 32)})
    assert found.ratios == (1.125,)
    assert found.bounds == (pytest.approx(0.75), pytest.approx(4 / 3))


def test_pairs_without_a_ratio_are_counted():
    alone = {
        0: crossing(8),
        1: crossing(9, False),
        2: crossing(8),
        3: crossing(9, False),
        4: crossing(0, after=0),
        6: crossing(1),
    }
    distilled = {
        0: crossing(4),
        1: crossing(4),
        2: crossing(9, False),
        3: crossing(9, False),
        4: crossing(4),
        5: crossing(1),
    }
    found = s.sample_efficiency(alone, distilled)
    assert (found.seeds, found.ratios, found.interval) == ((0,), (2.0,), None)
    assert (found.only_distilled, found.only_alone, found.neither, found.untrained) == (1, 1, 1, 1)
    assert found.censored == 3


def test_coarse_evaluations_give_bounds_alone():
    alone = {0: crossing(4), 1: crossing(5), 2: crossing(6)}
    # The first evaluation after the beginning: the distilled students may have been there at once.
    found = s.sample_efficiency(alone, {seed: crossing(1) for seed in alone})
    assert found.interval is None
    assert found.bounds == (pytest.approx(60 ** (1 / 3)), None)
    # A step of a quarter of the way serves, a step of a third does not.
    assert s.sample_efficiency(alone, {seed: crossing(4) for seed in alone}).interval is not None
    assert s.sample_efficiency(alone, {seed: crossing(3) for seed in alone}).interval is None


def test_nothing_to_pair_or_to_average():
    assert s.sample_efficiency({0: crossing(4)}, {1: crossing(4)}) is None
    found = s.sample_efficiency({0: crossing(4, False)}, {0: crossing(4)})
    assert (found.mean, found.interval, found.bounds, found.only_distilled) == (None, None, None, 1)


def test_a_saving_between_two_amounts_by_hand() -> None:
    # 0.8 lies halfway from 0.7 to 0.9, so in the logarithm halfway from 100 to 1000: 316.2 samples, over 100.
    found = saving({0: (100.0, 0.8)}, {0: RIVAL})
    assert found is not None
    assert found.ratios == pytest.approx((10**0.5,))
    assert (found.above, found.below, found.interval) == (0, 0, None)


def test_the_interval_of_a_saving_is_students_t_over_seeds_on_the_logarithm() -> None:
    used = {0: (100.0, 0.8), 1: (100.0, 0.7), 2: (100.0, 0.9)}
    found = saving(used, dict.fromkeys(used, RIVAL))
    assert found is not None
    logs = [math.log(10) * share for share in (0.5, 0.0, 1.0)]
    assert found.ratios == pytest.approx([math.exp(each) for each in logs])
    assert found.mean == pytest.approx(math.exp(sum(logs) / 3))
    low, high = stats.t.interval(0.95, 2, loc=sum(logs) / 3, scale=stats.sem(logs))
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((math.exp(low), math.exp(high)))


def test_a_rival_needs_as_much_as_itself() -> None:
    for amount, accuracy in RIVAL:
        found = saving({0: (amount, accuracy)}, {0: RIVAL})
        assert found is not None
        assert found.ratios == pytest.approx((1.0,))


def test_what_lies_beyond_the_rivals_amounts_is_counted_and_has_no_mean() -> None:
    used = {0: (100.0, 0.95), 1: (10.0, 0.4), 2: (100.0, 0.8)}
    found = saving(used, dict.fromkeys(used, RIVAL))
    assert found is not None
    assert (found.above, found.below, len(found.ratios)) == (1, 1, 1)
    assert (found.mean, found.interval) == (None, None)


def test_without_a_seed_in_common_there_is_no_saving() -> None:
    assert saving({0: (100.0, 0.8)}, {1: RIVAL}) is None
