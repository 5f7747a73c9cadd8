"""Hand-worked values, scipy.stats as oracle, and properties over arbitrary values."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from kdbench.statistics import paired as s
from kdbench.statistics.crossed import crossed_estimate
from kdbench.statistics.intervals import Error

ACCURACIES = st.lists(st.integers(0, 10_000).map(lambda k: k / 10_000), min_size=2, max_size=12)


@pytest.mark.parametrize(("n", "sds"), [(3, 3.27), (5, 1.67), (10, 1.00), (20, 0.66)])
def test_least_detectable_difference_as_in_the_method(n, sds):
    # The method's 1.67 for five seeds has a power of .795; the exact figure is 1.682.
    assert s.detectable_sds(n) == pytest.approx(sds, rel=0.01)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 10, 60, 199])
def test_detectable_effect_has_80_percent_power_by_integration(n):
    """Power as the normal's tail integrated over the SD's chi distribution: nothing of the noncentral t in it."""
    shift, critical = s.detectable_sds(n) * math.sqrt(n), stats.t.ppf(0.975, n - 1)
    widths = np.linspace(1e-6, math.sqrt(n - 1) + 12, 200_001)
    missed = stats.norm.cdf(critical * widths / math.sqrt(n - 1) - shift) * stats.chi.pdf(widths, n - 1)
    assert 1 - np.trapezoid(missed, widths) == pytest.approx(0.8, abs=1e-4)


def test_one_pair_detects_nothing():
    assert s.detectable_sds(1) is None
    found = s.paired_difference({1: 0.5}, {1: 0.4})
    assert (found.least_detectable, found.p_value, found.claims) == (None, None, False)


def test_least_detectable_difference_takes_each_part_of_the_error_at_its_own_power():
    # 3.7611 standard errors with 4 degrees of freedom (1.6820 sqrt 5), 2.8305 with 99: sqrt(3.7611^2 * 4 + 2.8305^2).
    found = s.least_detectable(Error(((4.0, 4.0), (1.0, 99.0))))
    assert s.least_detectable(Error(((4.0, 4.0),))) == pytest.approx(2 * s.detectable_sds(5) * 5**0.5)
    assert found == pytest.approx(math.hypot(2 * 3.7611, 2.8305), abs=1e-3)


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000)), min_size=2, max_size=10))
def test_paired_difference_agrees_with_scipy(values):
    first = {i: a / 1000 for i, (a, _) in enumerate(values)}
    second = {i: b / 1000 for i, (_, b) in enumerate(values)}
    found = s.paired_difference(first, second)
    assert found.estimate.mean == pytest.approx(np.mean([a - b for a, b in values]) / 1000, abs=1e-12)
    if found.estimate.sd:
        oracle = stats.ttest_rel(list(first.values()), list(second.values()))
        assert found.p_value == pytest.approx(oracle.pvalue, rel=1e-6)
    else:
        assert found.p_value is None


def test_pairs_are_matched_by_seed():
    found = s.paired_difference({1: 0.5, 2: 0.7, 9: 0.1}, {2: 0.6, 1: 0.3})
    assert found.seeds == (1, 2)
    assert found.estimate.values == (pytest.approx(0.2), pytest.approx(0.1))
    assert s.paired_difference({1: 0.5}, {2: 0.5}) is None


def test_bits_are_paired_by_seed_and_by_sample():
    first = {1: np.array([1, 1, 0, 1]) > 0, 2: np.array([1, 1, 1, 1]) > 0, 9: np.zeros(4) > 0}
    second = {1: np.array([1, 0, 0, 1]) > 0, 2: np.array([1, 0, 1, 0]) > 0}
    found = s.crossed_difference(first, second)
    assert found.seeds == (1, 2)
    assert found.estimate.values == (0.25, 0.5)
    # The table of differences is [[0, 1, 0, 0], [0, 1, 0, 1]]: see test_crossed for its parts.
    assert found.estimate.error == crossed_estimate(np.array([[0, 1, 0, 0], [0, 1, 0, 1]])).error
    assert found.p_value == pytest.approx(2 * found.estimate.error.p_above(0.375, 0.0))
    assert s.crossed_difference({1: first[1]}, {2: second[2]}) is None


def test_bits_of_different_samples_are_paired_by_seed_alone():
    first = {0: np.array([1, 1, 0, 1]) > 0, 1: np.array([1, 1, 1, 1]) > 0}
    second = {0: np.array([1, 0]) > 0, 1: np.array([1, 0]) > 0}
    found, plain = s.crossed_difference(first, second), s.paired_difference({0: 0.75, 1: 1.0}, {0: 0.5, 1: 0.5})
    assert found == plain


def under(t, df, shift):
    """P(noncentral t <= t) as the normal's tail over the SD's chi distribution, integrated by scipy."""
    root = math.sqrt(df)
    tail = lambda w: stats.norm.cdf(t * w / root - shift) * stats.chi.pdf(w, df)  # noqa: E731
    return integrate.quad(tail, 0, root + 12, points=[abs(shift / t) * root], limit=400)[0]


@pytest.mark.parametrize("n", [3, 5, 10, 20])
@pytest.mark.parametrize("mean", [-4.0, -0.3, 0.2, 1.0, 40.0])
def test_effect_interval_leaves_2_5_percent_on_each_side(n, mean):
    values = np.linspace(-1, 1, n)
    values = (values / values.std(ddof=1) + mean).tolist()
    found = s.paired_difference(dict(enumerate(values)), dict.fromkeys(range(n), 0.0))
    assert found.effect_size == pytest.approx(mean)
    t = mean * math.sqrt(n)
    assert under(t, n - 1, found.effect_interval.low * math.sqrt(n)) == pytest.approx(0.975, abs=1e-5)
    assert under(t, n - 1, found.effect_interval.high * math.sqrt(n)) == pytest.approx(0.025, abs=1e-5)


def test_effect_interval_of_a_large_effect_joins_that_of_a_huge_one():
    # Beyond t = 1000 the SD's chi-square alone counts: the interval's ends, per effect, no longer change.
    def ends(t):
        values = np.array([-1.0, 0.0, 1.0]) + t / math.sqrt(3)
        found = s.effect_interval(values.tolist())
        return found.low / t, found.high / t

    assert ends(999.0) == pytest.approx(ends(1001.0), rel=1e-3)
    assert ends(-1001.0) == pytest.approx(ends(1001.0)[::-1])
    # chi-square(2) is -2 ln of a uniform: effect x sqrt(-ln p), at p = .975 and .025.
    expected = [math.sqrt(-math.log(p)) / math.sqrt(3) for p in (0.975, 0.025)]
    assert ends(1e7) == pytest.approx(expected, rel=1e-6)


def test_no_variance_gives_no_effect():
    found = s.paired_difference(dict.fromkeys(range(8), 0.9), dict.fromkeys(range(8), 0.5))
    assert (found.effect_size, found.effect_interval) == (None, None)
    assert found.sign_flip_p == 2 / 2**8  # of the signs alone something is known


def test_improvement_is_over_all_pairs_of_shared_seeds():
    # .7 beats .5 and .6, ties .7; .6 beats .5, ties .6; .5 ties .5: (2.5 + 1.5 + .5) / 9. Seed 9 is not shared.
    first, second = {1: 0.7, 2: 0.6, 3: 0.5, 9: 0.99}, {1: 0.5, 2: 0.6, 3: 0.7}
    assert s.paired_difference(first, second).improvement == pytest.approx(4.5 / 9)
    assert s.paired_difference({1: 0.7}, {1: 0.6}).improvement is None


@given(ACCURACIES, ACCURACIES)
def test_improvement_agrees_with_mann_whitney(first, second):
    oracle = stats.mannwhitneyu(first, second).statistic / (len(first) * len(second))
    assert s.probability_of_improvement(first, second) == pytest.approx(oracle)


@pytest.mark.parametrize(("seeds", "p"), [(5, None), (6, 2 / 64)])
def test_sign_flips_from_six_seeds_on(seeds, p):
    found = s.paired_difference({i: 0.9 + 0.01 * i for i in range(seeds)}, dict.fromkeys(range(seeds), 0.5))
    assert found.sign_flip_p == p


def test_holm_by_hand():
    assert s.holm([0.01, 0.04, 0.03]) == [pytest.approx(0.03), pytest.approx(0.06), pytest.approx(0.06)]
    assert s.holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_never_lowers_and_keeps_order(ps):
    adjusted = s.holm(ps)
    assert all(p <= q <= 1 for p, q in zip(ps, adjusted, strict=True))
    ranked = [q for _, q in sorted(zip(ps, adjusted, strict=True))]
    assert ranked == sorted(ranked)
