"""Ranks, their means over groups, and Kendall's tau, by hand and against scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau, rankdata

from kdbench.statistics.intervals import Interval
from kdbench.statistics.ranks import kendall_tau, mean_ranks, ranks

# Few different values, so that there are ties.
LISTS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=8)


def test_the_highest_has_rank_1_and_equal_values_share_the_mean_of_their_ranks() -> None:
    assert ranks(np.array([[0.9, 0.8, 0.9, 0.7], [0.1, 0.2, 0.3, 0.4]])).tolist() == [[1.5, 3, 1.5, 4], [4, 3, 2, 1]]


def test_tau_by_hand() -> None:
    # Of six pairs one is in the other order: (5 - 1) / 6.
    assert kendall_tau([1, 2, 3, 4], [1, 2, 4, 3]) == pytest.approx(4 / 6)
    assert kendall_tau([1, 2, 3], [30, 20, 10]) == -1
    assert kendall_tau([1, 2], [5, 5]) is None
    assert kendall_tau([1], [2]) is None


@given(LISTS)
def test_both_agree_with_scipy(values: list[tuple[int, int]]) -> None:
    first, second = zip(*values, strict=True)
    assert ranks(np.array(first, float)).tolist() == rankdata([-value for value in first]).tolist()
    found = kendall_tau(first, second)
    if found is None:
        assert 1 in (len(set(first)), len(set(second)))
    else:
        assert found == pytest.approx(kendalltau(first, second).statistic)


def test_mean_ranks_by_hand() -> None:
    # Means 3, 2, 1 in the first group, and 2, 5, 1 in the second: ranks 1, 2, 3 and 2, 1, 3.
    first = np.array([[2.0, 4.0], [2.0, 2.0], [0.0, 2.0]])
    second = np.array([[1.0, 3.0], [5.0, 5.0], [0.0, 2.0]])
    assert [each.mean for each in mean_ranks([first, second])] == [1.5, 1.5, 3.0]
    assert [each.interval for each in mean_ranks([first[:, :1]])] == [None, None, None]


def test_rows_that_lie_far_apart_have_a_rank_without_doubt_and_equal_ones_have_none() -> None:
    random = np.random.default_rng(0)
    far = np.array([[3.0], [2.0], [1.0]]) + random.normal(0, 0.01, (3, 5))
    assert [(each.mean, each.interval) for each in mean_ranks([far])] == [(1, None), (2, None), (3, None)]
    for found in mean_ranks([random.normal(0, 1, (2, 5))]):
        assert found.interval is not None
        assert (found.interval.low, found.interval.high) == (1, 2)


def test_columns_are_drawn_for_all_rows_together() -> None:
    """One column is better than another for both rows alike, and the first is always ahead by a little."""
    shared = np.array([0.0, 5.0, -5.0, 9.0, 2.0])
    assert [each.interval for each in mean_ranks([np.array([shared + 0.01, shared])])] == [None, None]


def test_the_interval_covers_the_rank_of_the_true_means() -> None:
    """Five rows half an SD apart, five columns, 300 draws of the data."""
    random = np.random.default_rng(1)
    truth, covered = np.array([1.0, 0.5, 0.0, -0.5, -1.0]), 0
    for _ in range(300):
        found = mean_ranks([truth[:, None] + random.normal(0, 1, (5, 5))], draws=300)
        for place, each in enumerate(found, start=1):
            between = each.interval or Interval(each.mean, each.mean)
            covered += between.low <= place <= between.high
    assert covered / 1500 > 0.9
