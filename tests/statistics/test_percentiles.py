import math

import numpy as np
import pytest
from scipy import stats

from kdbench.statistics.percentiles import percentile_bound, summarize_calls


def test_percentiles_and_throughput_by_hand():
    found = summarize_calls([100.0] * 99 + [10_100.0], batch=4)
    assert (found.calls, found.minimum, found.p50) == (100, 100.0, 100.0)
    assert found.samples_per_second == pytest.approx(4 * 100 / 0.02)
    assert found.p90.value == 100.0
    assert found.p90.bound == 100.0


@pytest.mark.parametrize(
    ("calls", "p90", "p99"), [(63, False, False), (64, True, False), (661, True, False), (662, True, True)]
)
def test_percentiles_need_enough_calls(calls, p90, p99):
    found = summarize_calls(list(np.linspace(10, 20, calls)), batch=1)
    assert (found.p90 is not None, found.p99 is not None) == (p90, p99)


# P(Binomial(n, 1 - p) <= 1) is p^n + n (1 - p) p^(n - 1):
# p90: n 63: .00131 + .00917 = .01048; n 64: .00118 + .00839 = .00957
# p99: n 661: .001303 + .008699 = .010002; n 662: .001290 + .008626 = .009916
# p50: n 10: 11 / 1024 = .0107; n 11: 12 / 2048 = .0059
@pytest.mark.parametrize(("p", "fewest"), [(0.9, 64), (0.99, 662), (0.5, 11)])
def test_the_fewest_calls_are_those_of_the_method_and_bound_by_the_largest(p, fewest):
    calls = np.linspace(10, 20, fewest)
    assert percentile_bound(calls, p) == 20
    assert percentile_bound(calls[:-1], p) is None


@pytest.mark.parametrize(("n", "p"), [(64, 0.9), (250, 0.9), (1000, 0.9), (1000, 0.99), (5000, 0.99), (100, 0.5)])
def test_the_bound_is_the_order_statistic_of_the_binomial(n, p):
    """The t-th largest call, where no more than t calls over the true percentile are left to a chance of 1 %."""
    t = next(t for t in range(n) if stats.binom.cdf(t + 1, n, 1 - p) > 0.01)
    assert percentile_bound(np.arange(1.0, n + 1), p) == n - t + 1


def test_the_bound_holds_as_often_as_it_says():
    random = np.random.default_rng(0)
    bounds = [percentile_bound(np.sort(random.exponential(size=150)), 0.9) for _ in range(2000)]
    held = np.mean([bound >= -math.log(0.1) for bound in bounds])
    assert 0.985 <= held < 1  # 99 % and more: counts are whole; it must not be so wide that it always holds


@pytest.mark.parametrize("calls", [[], [1.0, 0.0]])
def test_impossible_calls(calls):
    with pytest.raises(ValueError, match="positive"):
        summarize_calls(calls, 1)
