"""Ranks and Kendall's tau, by hand and against scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau, rankdata

from kdbench.statistics.ranks import kendall_tau, ranks

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
