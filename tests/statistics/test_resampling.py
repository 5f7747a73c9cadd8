"""Sign flips by enumeration, interquartile means by scipy and by hand."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from kdbench.statistics import resampling
from kdbench.statistics.intervals import estimate
from kdbench.statistics.resampling import interquartile_mean, sign_flip_p, stratified_iqm, stratified_mean

HUNDREDTHS = st.integers(-100, 100).map(lambda k: k / 100)


def test_sign_flips_by_hand():
    # All of one sign: only the two flips that keep it so are as extreme. 2/64.
    assert sign_flip_p([1, 2, 3, 4, 5, 6]) == 2 / 64
    # Sum 19 of 21: as extreme are sums of +-19 (flip the 1) and +-21. 4/64.
    assert sign_flip_p([-1, 2, 3, 4, 5, 6]) == 4 / 64
    assert sign_flip_p([0.0] * 6) == 1.0


def test_too_few_seeds_for_sign_flips():
    assert sign_flip_p([0.1] * 5) is None
    assert sign_flip_p([]) is None


@given(st.lists(HUNDREDTHS, min_size=6, max_size=9))
def test_sign_flips_agree_with_enumeration_in_whole_numbers(differences):
    whole = [round(100 * d) for d in differences]
    sums = [
        abs(sum(s * w for s, w in zip(signs, whole, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(whole))
    ]
    assert sign_flip_p(differences) == np.mean([each >= abs(sum(whole)) for each in sums])


def test_sign_flips_agree_with_scipy_at_the_most_exact():
    values = np.random.default_rng(1).normal(0.3, 1, resampling.MOST_EXACT)
    oracle = stats.permutation_test((values,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip_p(values.tolist()) == pytest.approx(oracle.pvalue, rel=1e-12)


def test_random_flips_come_near_the_exact_p_and_stay_the_same():
    values = np.random.default_rng(2).normal(0.4, 1, resampling.MOST_EXACT + 2)
    signs = 1 - 2.0 * ((np.arange(2 ** len(values))[:, None] >> np.arange(len(values))) & 1)
    exact = np.mean(np.abs(signs @ values) >= abs(values.sum()) - 1e-9)
    assert 0.01 < exact < 0.5
    assert sign_flip_p(values.tolist()) == pytest.approx(exact, abs=4 * (exact / resampling.FLIPS) ** 0.5)
    assert sign_flip_p(values.tolist()) == sign_flip_p(values.tolist())


@given(st.lists(HUNDREDTHS, min_size=1, max_size=30))
def test_interquartile_mean_agrees_with_scipy(values):
    assert interquartile_mean(values) == pytest.approx(stats.trim_mean(values, 0.25), abs=1e-12)


def test_interquartile_mean_by_hand():
    assert interquartile_mean([9, 1, 2, 100, 3, 4, -50, 5]) == pytest.approx((2 + 3 + 4 + 5) / 4)
    with pytest.raises(ValueError, match="no values"):
        interquartile_mean([])


def test_resampling_stays_within_the_groups():
    # Each group is constant, so no draw within groups differs, and nothing is claimed: pooled draws would vary.
    found = stratified_iqm([[1.0, 1.0], [2.0, 2.0], [6.0, 6.0], [9.0, 9.0]])
    assert (found.mean, found.interval) == (4.0, None)
    assert (found.groups, found.values) == (4, 8)


def test_stratified_interval_of_one_group_is_a_t_interval_of_the_bootstrap_sd():
    values = np.random.default_rng(3).normal(0, 1, 12)
    found = stratified_iqm([values.tolist()], draws=20_000)
    oracle = stats.bootstrap(
        (values,), lambda x, axis: stats.trim_mean(x, 0.25, axis=axis), n_resamples=20_000, rng=7
    ).standard_error
    half = stats.t(11).ppf(0.975) * oracle * (12 / 11) ** 0.5
    assert found.mean == pytest.approx(stats.trim_mean(values, 0.25))
    # Two bootstraps of 20,000 draws differ by about a hundredth.
    assert found.interval.high - found.mean == pytest.approx(half, rel=0.03)
    assert found.mean - found.interval.low == pytest.approx(half, rel=0.03)


def test_degrees_of_freedom_are_welchs():
    # A mean of means of two groups of equal size is half their sum: Welch's test has its degrees of freedom.
    random = np.random.default_rng(5)
    first, second = random.normal(0, 1, 6), random.normal(0, 3, 6)
    oracle = stats.ttest_ind(first, second, equal_var=False).df
    assert resampling._degrees_of_freedom([first, second]) == pytest.approx(oracle)
    assert resampling._degrees_of_freedom([first]) == pytest.approx(5)


def test_level_seed_and_empty_groups():
    groups = [[0.1, 0.4, 0.3], [0.2, 0.8, 0.5, 0.6]]
    wide, narrow = stratified_iqm(groups), stratified_iqm(groups, level=0.5)
    assert wide.interval.low < narrow.interval.low < wide.mean < narrow.interval.high < wide.interval.high
    assert narrow.interval.level == 0.5
    assert stratified_iqm(groups) == wide
    assert stratified_iqm(groups, seed=1) != wide
    assert stratified_iqm([[0.1, 0.2], [0.3]]).interval is None
    for bad in ([], [[0.1], []]):
        with pytest.raises(ValueError, match="every group"):
            stratified_iqm(bad)


def test_a_stratified_mean_by_hand():
    # Variances 1 and 4 of three values each: the sum of all six has 3 + 12, so that their mean has 15 / 36.
    found = stratified_mean([[1.0, 2.0, 3.0], [4.0, 6.0, 8.0]])
    assert (found.mean, found.groups, found.values) == (4.0, 2, 6)
    df = 15**2 / (3**2 / 2 + 12**2 / 2)
    half = stats.t(df).ppf(0.975) * (15 / 36) ** 0.5
    assert (found.interval.low, found.interval.high) == pytest.approx((4 - half, 4 + half))
    assert stratified_mean([[1.0, 1.0], [2.0, 2.0]]).interval is None
    assert stratified_mean([[1.0], [2.0, 3.0]]).interval is None
    with pytest.raises(ValueError, match="every group"):
        stratified_mean([[]])


def test_a_stratified_mean_of_one_group_has_students_interval():
    values = [0.3, 0.5, 0.4, 0.9]
    found, one = stratified_mean([values]), estimate(values)
    assert (found.interval.low, found.interval.high) == pytest.approx((one.interval.low, one.interval.high))
