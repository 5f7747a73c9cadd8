"""How many seeds a claim needs: scipy's power by simulation-free integration, and made-up results."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from kdbench.analyze.decisions.power import MOST_SEEDS, plan_seeds, seeds_needed, seeds_to_tell
from kdbench.analyze.summary import summarize
from kdbench.statistics.intervals import Error
from kdbench.statistics.paired import paired_difference
from tests.records import Shape, make_results


def power_of(n, effect):
    """Of a two-sided 5 % paired t: scipy's noncentral t, on the side of the effect."""
    return stats.nct.sf(stats.t.ppf(0.975, n - 1), n - 1, effect * n**0.5)


@pytest.mark.parametrize("effect", [0.15, 0.3, 0.5, 0.8, 1.0])
@pytest.mark.parametrize("power", [0.8, 0.9])
def test_enough_seeds_and_not_one_more(effect, power):
    n = seeds_needed(effect, 1.0, power)
    assert power_of(n, effect) >= power - 1e-6
    assert power_of(n - 1, effect) < power


def test_by_the_table_of_the_paired_t_test():
    # Paired t-test at .05 with a power of .8: 10 seeds show 1.00 SD, 20 show .66.
    assert seeds_needed(0.005, 0.005) == 10
    assert seeds_needed(0.00661, 0.01) == 20


def test_never_fewer_than_a_verdict_takes():
    assert seeds_needed(1.0, 0.001) == 5


def test_more_than_anybody_trains():
    # At 1000 pairs about 2.8 / sqrt(1000) = .0886 SDs are found.
    assert seeds_needed(0.09, 1.0) <= MOST_SEEDS
    assert seeds_needed(0.088, 1.0) is None


@pytest.mark.parametrize(
    ("difference", "sd", "power"), [(0, 1, 0.8), (-1, 1, 0.8), (1, 0, 0.8), (1, 1, 1.0), (1, 1, 0.0)]
)
def test_what_cannot_be_asked(difference, sd, power):
    with pytest.raises(ValueError, match="difference of"):
        seeds_needed(difference, sd, power)


def difference_of(parts, mean=0.004):
    """Of five seeds, whose mean has an error of these parts."""
    found = paired_difference({seed: mean + 0.001 * seed for seed in range(5)}, dict.fromkeys(range(5), 0.0))
    return replace(found, estimate=replace(found.estimate, error=Error(parts)))


@pytest.mark.parametrize("away", [0.002, 0.005, 0.01])
def test_as_many_seeds_as_a_paired_t_needs_where_they_are_all_of_the_error(away):
    """An SD of one point over five seeds: the mean has a fifth of its variance."""
    assert seeds_to_tell(difference_of(((0.01**2 / 5, 4.0),)), away, 0.05) == seeds_needed(away, 0.01)


def test_a_stricter_level_needs_more_seeds():
    found = difference_of(((0.01**2 / 5, 4.0),))
    assert seeds_to_tell(found, 0.005, 0.05 / 7) > seeds_to_tell(found, 0.005, 0.05)


def test_more_seeds_do_not_help_against_the_error_of_the_samples():
    """2.8 standard errors are found with a power of 80 %: .28 points of the samples' .1."""
    samples = (0.001**2, 9999.0)
    assert seeds_to_tell(difference_of((samples,)), 0.0028, 0.05) is None
    assert seeds_to_tell(difference_of((samples,)), 0.0029, 0.05) == 5
    both = difference_of(((0.01**2 / 5, 4.0), samples))
    assert seeds_to_tell(both, 0.0027, 0.05) is None
    # With n seeds: (2.8 x .01)^2 / n + .0028^2 = .004^2, so n = 784 / 8.16 = 96, and t's tails ask for a few more.
    assert 96 <= seeds_to_tell(both, 0.004, 0.05) <= 102


def test_without_an_error_a_claim_is_all_that_is_lacking():
    found = paired_difference({0: 0.9}, {0: 0.8})
    assert seeds_to_tell(found, 0.005, 0.05) == 5


def test_rows_of_a_suite():
    def accuracy(pair, loss, seed):
        # Gains of 1, 2 and 3 points in the first pair: SD 1 point. The second pair's differ ten times less.
        gain = 0.01 * (seed + 1) / (1 if pair == 0 else 10) if loss == "kd" else 0.0
        return 0.80 + gain

    results = make_results(Shape(seeds=3, accuracy=accuracy, pairs=(("big", "small"), ("big", "tiny"))))
    first, second = plan_seeds(summarize(results).pairs, difference=0.01)
    assert (first.pair, first.row, first.seeds) == ("big -> small", "kd", 3)
    assert first.sd == pytest.approx(0.01, rel=1e-6)
    assert second.sd == pytest.approx(0.001, rel=1e-6)
    # chi-square(2), .2 quantile: -2 ln .8
    assert first.sd_upper == pytest.approx(0.01 * (2 / (-2 * np.log(0.8))) ** 0.5)
    assert first.detectable == pytest.approx(0.01 * 3.27, rel=0.01)  # 3 seeds show 3.27 SD
    assert first.needed == 10  # which show 1.00 SD
    assert first.needed_upper == seeds_needed(0.01, first.sd_upper) > first.needed
    assert second.needed == 5


def test_no_spread_says_nothing():
    results = make_results(Shape(seeds=3, accuracy=lambda pair, loss, seed: 0.9))
    (row,) = plan_seeds(summarize(results).pairs, difference=0.005)
    assert (row.sd, row.sd_upper, row.detectable, row.needed, row.needed_upper) == (None,) * 5
    (one,) = plan_seeds(summarize(make_results(Shape(seeds=1))).pairs, difference=0.005)
    assert (one.seeds, one.sd, one.needed) == (1, None, None)
    assert plan_seeds(summarize(make_results(Shape(losses=("kd",)))).pairs, difference=0.005) == ()
