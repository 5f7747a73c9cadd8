"""Hand-worked variance parts, analysis of variance by other sums as oracle, and coverage where the truth is known."""

import numpy as np
import pytest
from scipy import stats

from kdbench.statistics.crossed import crossed_estimate, prediction_interval, variance_parts


def test_parts_by_hand():
    # Seeds' means .25 and .5, samples' means 0, 1, 0, .5; the mean is .375.
    table = np.array([[0, 1, 0, 0], [0, 1, 0, 1]])
    # Variance of .25 and .5: .03125, over 2 seeds. Of 0, 1, 0, .5: .6875 / 3, over 4 samples.
    # The residuals of the first row are .125 .125 .125 -.375, those of the second their negatives: 2 * .1875 / 3 = .125,
    # over 8 cells: .015625, as much as the seeds' part.
    parts = variance_parts(table)
    assert parts.seeds == pytest.approx(0.015625)
    assert parts.samples == pytest.approx(0.6875 / 12 - 0.015625)
    assert [df for _, df in parts.error().parts] == [1, 3]


def test_parts_agree_with_the_mean_squares_of_an_analysis_of_variance():
    random = np.random.default_rng(3)
    table = random.normal(size=(6, 40)) + random.normal(size=(6, 1)) + random.normal(size=(1, 40))
    grand = table.mean()
    of_seeds = 40 * ((table.mean(axis=1) - grand) ** 2).sum() / 5
    of_samples = 6 * ((table.mean(axis=0) - grand) ** 2).sum() / 39
    total = ((table - grand) ** 2).sum()
    residual = (total - 5 * of_seeds - 39 * of_samples) / (5 * 39)
    parts = variance_parts(table)
    assert parts.seeds == pytest.approx(of_seeds / 240)
    assert parts.samples == pytest.approx((of_samples - residual) / 240)


def test_seeds_that_agree_more_than_by_chance_do_not_shrink_the_error():
    # Both seeds get half right, but other halves: their means are equal, and the residual stands in for their variance.
    parts = variance_parts(np.array([[1, 0, 1, 0], [0, 1, 0, 1]]))
    assert parts.samples == 0
    assert parts.seeds == pytest.approx(4 * 2 * 0.25 / 3 / 8)


def test_without_seeds_or_samples_or_spread_there_is_no_interval():
    assert variance_parts(np.array([[1, 0, 1]])) is None
    assert variance_parts(np.array([[1], [0]])) is None
    for table in (np.array([[1, 0, 1]]), np.ones((3, 4))):
        found = crossed_estimate(table)
        assert (found.error, found.interval, prediction_interval(table)) == (None, None, None)


def test_identical_seeds_leave_the_error_of_the_samples():
    bits = np.tile(np.arange(100) % 4 > 0, (5, 1))
    found = crossed_estimate(bits)
    # A proportion of .75 over 100 samples, with n - 1: sqrt(.1875 / 99).
    assert found.mean == 0.75
    assert found.interval.high - 0.75 == pytest.approx(stats.t.ppf(0.975, 99) * (0.1875 / 99) ** 0.5)


def test_prediction_of_one_more_seed_by_hand():
    # Samples do not differ, so a further seed has the SD of the seeds times sqrt(1 + 1/n).
    means = np.array([0.2, 0.4, 0.9])
    table = np.repeat(means[:, None], 50, axis=1)
    found = prediction_interval(table)
    half = stats.t.ppf(0.975, 2) * means.std(ddof=1) * (4 / 3) ** 0.5
    assert (found.low, found.high) == pytest.approx((0.5 - half, 0.5 + half))


@pytest.mark.parametrize(("seeds_sd", "sample_sd"), [(0.0, 1.0), (0.1, 1.0), (0.3, 1.0), (0.3, 0.0)])
def test_intervals_cover_other_seeds_and_other_samples(seeds_sd, sample_sd):
    """Of 1,000 tables whose mean is 0; and the seeds' t-interval alone does not cover where samples differ."""
    random, trials, n, samples = np.random.default_rng(5), 1000, 5, 100
    covered, plainly, predicted = 0, 0, 0
    for _ in range(trials):
        of_samples = random.normal(0, sample_sd, samples)
        table = random.normal(0, seeds_sd, (n, 1)) + of_samples + random.normal(0, 1, (n, samples))
        found = crossed_estimate(table)
        covered += found.interval.low <= 0 <= found.interval.high
        half = stats.t.ppf(0.975, n - 1) * found.sd / n**0.5
        plainly += abs(found.mean) <= half
        further = prediction_interval(table)
        predicted += further.low <= random.normal(0, seeds_sd) <= further.high
    assert covered >= 940  # of 950 expected: SE 7
    assert predicted >= 940
    if sample_sd and seeds_sd < 0.2:
        assert plainly < 930
