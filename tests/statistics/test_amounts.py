"""Amounts for the same accuracy, by hand."""

import math

import pytest
from scipy import stats

from kdbench.statistics.amounts import saving

RIVAL = [(10.0, 0.5), (100.0, 0.7), (1000.0, 0.9)]


def test_between_two_amounts_by_hand() -> None:
    # 0.8 lies halfway from 0.7 to 0.9, so in the logarithm halfway from 100 to 1000: 316.2 samples, over 100.
    found = saving({0: (100.0, 0.8)}, {0: RIVAL})
    assert found is not None
    assert found.ratios == pytest.approx((10**0.5,))
    assert (found.above, found.below, found.interval) == (0, 0, None)


def test_the_interval_is_students_t_over_seeds_on_the_logarithm() -> None:
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


def test_without_a_seed_in_common_there_is_none() -> None:
    assert saving({0: (100.0, 0.8)}, {1: RIVAL}) is None
