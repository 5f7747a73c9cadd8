import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdbench.statistics import ratios
from kdbench.statistics.intervals import trimmed_mean
from kdbench.statistics.ratios import TRIMMED, TRIMMED_FROM, RatioEstimate, estimate_ratio, timing_settled


def drawn(ratio, sessions=5, pairs=8, noise=0.006, seed=0):
    """Sessions that are off by an offset each, whose pairs vary as much on either side."""
    random = np.random.default_rng(seed)
    offsets = random.normal(math.log(ratio), noise, (sessions, 1))
    candidates = np.exp(offsets + random.normal(0, noise, (sessions, pairs)))
    references = np.exp(random.normal(0, noise, (sessions, pairs)))
    return [list(zip(*each, strict=True)) for each in zip(candidates.tolist(), references.tolist(), strict=True)]


def judge_ratio(sessions, margin, minima=None, **how):
    """Slices whose fastest call takes as long as the median one, unless told otherwise."""
    return ratios.judge_ratio(sessions, sessions if minima is None else minima, margin, **how)


def sessions_of(*ratios):
    """A session for each argument, with a pair for each ratio."""
    return [[(7.0 * ratio, 7.0) for ratio in session] for session in ratios]


def around(log, step, pairs=1):
    """Three sessions whose log ratios are a step under, at and over this one: their SD is the step."""
    return sessions_of(*([math.exp(log + n * step)] * pairs for n in (-1, 0, 1)))


def test_a_ratio_is_the_mean_over_sessions_of_their_median_by_hand():
    # Of 1 and 16 the middle in logarithms is 4; of 4, 8 and 2 the geometric mean is 4. Slices in one session that took
    # fifty times as long do not count.
    found = estimate_ratio(sessions_of((1, 16), (8, 8, 400), (2,)))
    assert found.estimate == pytest.approx(4)
    assert (found.sessions, found.pairs) == (3, 6)


# Quantiles of Student's t of 2 degrees of freedom: 4.30265 at .975, 7.64880 at 1 - .025 / 3
@pytest.mark.parametrize(("looks", "t"), [(1, 4.30265), (3, 7.64880)])
def test_the_interval_is_students_over_sessions_by_hand(looks, t):
    found = estimate_ratio(around(0.2, 0.01), looks=looks)
    half = t * 0.01 / math.sqrt(3)
    assert logs(found) == pytest.approx([0.2, 0.2 - half, 0.2 + half], abs=1e-6)


def test_more_pairs_of_the_same_sessions_say_no_more():
    few, many = estimate_ratio(around(0.2, 0.01)), estimate_ratio(around(0.2, 0.01, pairs=300))
    assert logs(many) == pytest.approx(logs(few))
    assert (few.pairs, many.pairs) == (3, 900)


def test_without_any_spread_there_is_no_interval():
    assert estimate_ratio(sessions_of(*[(1.25, 1.25)] * 3)) is None


@pytest.mark.parametrize("sessions", [(), drawn(2.0, sessions=2), ((), (), ()), [*drawn(1.0)[:2], ()]])
def test_under_three_sessions_there_is_no_ratio(sessions):
    assert estimate_ratio(sessions) is None
    assert not timing_settled(sessions, margin=100.0)


def test_a_ratio_of_a_time_of_zero_is_an_error():
    with pytest.raises(ValueError, match="positive"):
        estimate_ratio(sessions_of((1, 0), (1,), (1,)))


# Of 400 sets 95 % are 380 with an SD of 4.4; 98.3 %, where three looks share the error, are 393 with one of 2.6.
@pytest.mark.parametrize(("looks", "least", "most"), [(1, 366, 394), (3, 384, 400)])
def test_a_network_against_itself_covers_one_as_often_as_it_says(looks, least, most):
    found = [estimate_ratio(drawn(1.0, seed=seed), looks=looks) for seed in range(400)]
    assert least <= sum(ratio.low <= 1 <= ratio.high for ratio in found) <= most


@pytest.mark.parametrize("slower", [1.05, 1.10, 0.95])
def test_a_difference_of_five_percent_is_found(slower):
    found = [estimate_ratio(drawn(slower, seed=seed)) for seed in range(20)]
    assert all((ratio.low > 1) if slower > 1 else (ratio.high < 1) for ratio in found)
    assert all(abs(ratio.estimate / slower - 1) < 0.02 for ratio in found)


def test_more_looks_widen_the_interval_and_leave_the_estimate():
    sessions = drawn(1.02)
    one, three, ten = (estimate_ratio(sessions, looks=looks) for looks in (1, 3, 10))
    assert one.estimate == three.estimate == ten.estimate
    assert ten.low < three.low < one.low < one.high < three.high < ten.high
    assert estimate_ratio(sessions) == three


# Up to exp(7.64880 x .01 / sqrt(3)) - 1 = .04515 over the estimate: half of .0903
@pytest.mark.parametrize(("margin", "settled"), [(0.091, True), (0.0895, False)])
def test_timing_ends_at_half_the_margin_by_hand(margin, settled):
    assert estimate_ratio(around(0.2, 0.01)).half_width == pytest.approx(0.04515, abs=1e-5)
    assert timing_settled(around(0.2, 0.01), margin) == settled


def test_more_rounds_settle_what_one_does_not():
    rounds = drawn(1.0, sessions=30, noise=0.03, seed=3)
    assert [timing_settled(rounds[:n], margin=0.05) for n in (5, 30)] == [False, True]


def estimate(log, down, up, sessions=5, pairs=40):
    """exp(log) with an interval from exp(log - down) to exp(log + up)."""
    return RatioEstimate(math.exp(log), math.exp(log - down), math.exp(log + up), sessions, pairs)


def logs(ratio):
    return [math.log(each) for each in (ratio.estimate, ratio.low, ratio.high)]


def test_two_ratios_to_one_reference_by_hand():
    # 3-4-5 downwards: .03 of the one's low, .04 of the other's high; 5-12-13 upwards: .05 and .12.
    found = estimate(0.3, 0.03, 0.05).over(estimate(0.1, 0.12, 0.04, sessions=3, pairs=24))
    assert logs(found) == pytest.approx([0.2, 0.15, 0.33])
    assert (found.sessions, found.pairs) == (3, 24)


def test_the_inverse_by_hand():
    found = RatioEstimate(2.0, 1.6, 4.0, 5, 40).inverse
    assert found == RatioEstimate(0.5, 0.25, 0.625, 5, 40)
    assert RatioEstimate(2.0, 1.6, 4.0, 5, 40).half_width == 1.0
    assert found.half_width == 0.5


parts = st.builds(estimate, st.floats(-2, 2), st.floats(0, 0.3), st.floats(0, 0.3))


@given(parts, parts)
def test_one_over_the_other_is_the_inverse_of_the_other_way_round(one, other):
    assert logs(one.over(other)) == pytest.approx(logs(other.over(one).inverse), abs=1e-9)
    assert logs(one.inverse.inverse) == pytest.approx(logs(one), abs=1e-9)
    exact = replace(other, low=other.estimate, high=other.estimate)
    assert one.over(exact).half_width == pytest.approx(one.half_width, abs=1e-9)


# Quantiles of Student's t of 2 degrees of freedom: 9.92484 at 1 - .01 / 2, 17.27727 at 1 - .01 / (2 x 3)
def test_bounds_by_hand():
    found = judge_ratio(around(0.2, 0.01, pairs=2), margin=0.05, alpha=0.01, family=3, looks=2)
    step = 0.01 / math.sqrt(3)
    for bounds in (found.p50, found.minimum):
        told = [bounds.estimate, bounds.lower, bounds.upper]
        expected = [0.2, 0.2 - 17.27727 * step, 0.2 + 9.92484 * step]
        assert [math.log(value) for value in told] == pytest.approx(expected, abs=1e-6)
    assert (found.sessions, found.pairs) == (3, 6)


@pytest.mark.parametrize(("ratio", "status"), [(1.0, "pass"), (0.8, "pass"), (1.15, "fail"), (1.05, "undecided")])
def test_judgement_of_known_ratios(ratio, status):
    assert judge_ratio(drawn(ratio, sessions=10), margin=0.05).status == status


def test_minimum_must_agree_before_it_fails():
    assert judge_ratio(drawn(1.2), margin=0.05).status == "fail"
    assert judge_ratio(drawn(1.2), margin=0.05, minima=drawn(1.0)).status == "undecided"
    assert judge_ratio(drawn(1.0), margin=0.05, minima=drawn(1.2)).status == "pass"


def test_a_family_widens_only_the_failing_bound():
    sessions = drawn(1.06)
    alone, among = judge_ratio(sessions, 0.05), judge_ratio(sessions, 0.05, family=20)
    assert among.p50.lower < alone.p50.lower
    assert among.p50.upper == alone.p50.upper


def test_more_looks_widen_both_bounds():
    sessions = drawn(1.06)
    once, often = judge_ratio(sessions, 0.05, looks=1), judge_ratio(sessions, 0.05, looks=10)
    assert often.p50.lower < once.p50.lower < once.p50.upper < often.p50.upper
    assert judge_ratio(sessions, 0.05, looks=4) == judge_ratio(sessions, 0.05)


@pytest.mark.parametrize("sessions", [(), drawn(2.0, sessions=2), ((), (), ())])
def test_too_few_sessions_decide_nothing(sessions):
    found = judge_ratio(sessions, 0.05)
    assert (found.status, found.p50) == ("undecided", None)


def test_a_time_of_zero_is_an_error():
    with pytest.raises(ValueError, match="positive"):
        judge_ratio([[(0.0, 1.0)]] * 3, 0.05)


@pytest.mark.parametrize("sessions", [5, 15, 20, 40])
def test_false_alarms_are_rare_at_the_limit_itself(sessions):
    """Slower by exactly the margin, where a failure is the likeliest false alarm: at 1 %, 400 sets fail 4 times.

    More than 9 have a probability of 1 % (binomial).
    """
    found = [judge_ratio(drawn(1.05, sessions, seed=seed), 0.05).status for seed in range(400)]
    assert found.count("fail") <= 9
    assert found.count("undecided") > 200  # the limit lies inside most intervals: the sets do test the bound


def test_of_many_sessions_those_that_others_disturbed_do_not_count():
    calm = drawn(1.1, sessions=20)
    wild = [[(16.0, 1.0)] * 8, [(1.0, 16.0)] * 8]
    assert judge_ratio(calm[:12] + wild, 0.05).status == "undecided"
    found = judge_ratio(calm[:18] + wild, 0.05)
    assert found.status == "fail"
    # A fifth of 20 at either end is left out: the mean of the middle 12, of which the wild ones are none.
    middle = sorted(ratios.session_medians(calm[:18]))[3:-3]
    assert math.log(found.p50.estimate) == pytest.approx(sum(middle) / 12)


@pytest.mark.parametrize(("sessions", "freedom"), [(5, 4), (19, 18), (20, 0.75 * 11), (40, 0.75 * 23)])
def test_degrees_of_freedom_are_those_of_the_bounds(sessions, freedom):
    medians = np.random.default_rng(1).normal(size=sessions).tolist()
    _, error = trimmed_mean(medians, TRIMMED if sessions >= TRIMMED_FROM else 0.0)
    assert [df for _, df in error.parts] == [freedom] == [ratios.freedom(sessions)]


def test_the_same_model_never_fails():
    assert not any(judge_ratio(drawn(1.0, seed=seed), 0.05).status == "fail" for seed in range(100))


def test_a_ten_percent_slowdown_is_found():
    found = sum(judge_ratio(drawn(1.10, seed=seed), 0.05).status == "fail" for seed in range(60))
    assert found >= 57
