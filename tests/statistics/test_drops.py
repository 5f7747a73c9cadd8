"""Drops against a baseline: hand-worked t-values, and scipy's noncentral t as oracle of the power."""

import numpy as np
import pytest
from scipy import stats

from kdbench.statistics.drops import Changes, detectable_drop, judge_drops, seeds_to_decide, seeds_to_show

WOBBLE = (-0.002, -0.001, 0.0, 0.001, 0.002)  # SD .00158, standard error .00071
SAMPLE = 1e-4


def fallen(by: float) -> Changes:
    return Changes([0.9] * 5, [0.9 + each - by for each in WOBBLE], 0.005, SAMPLE)


@pytest.mark.parametrize(
    ("drop", "status"),
    [
        (0.0085, "fail"),  # t = -.0035 / .00071 = -4.95, against -3.75 at 1 %
        (0.0075, "undecided"),  # -3.54
        (0.0036, "undecided"),  # lower bound: -.0036 - 2.13 x .00071 = -.0051
        (0.0034, "pass"),  # -.0049
    ],
)
def test_one_row_by_hand(drop: float, status: str) -> None:
    (found,) = judge_drops([fallen(drop)])
    assert found.status == status
    assert found.change == pytest.approx(-drop)
    assert found.p_value == pytest.approx(stats.ttest_1samp(fallen(drop).values, -0.005, alternative="less").pvalue)


def test_a_family_shares_the_error() -> None:
    """p = .0039 alone; among three rows 3 x .0039 > .01."""
    alone, *_ = judge_drops([fallen(0.0085)])
    among, *others = judge_drops([fallen(0.0085), fallen(0), fallen(0)])
    assert (alone.status, among.status) == ("fail", "undecided")
    assert among.p_value == pytest.approx(3 * alone.p_value)
    assert {each.status for each in others} == {"pass"}


@pytest.mark.parametrize(
    ("changes", "samples", "status"),
    [
        ((-0.01, -0.01, -0.01), 10_000, "fail"),
        ((-0.005, -0.005, -0.005), 10_000, "pass"),
        ((-0.01, -0.01), 200, "undecided"),  # two samples of 200 in both seeds: t = .005 / (.005 / sqrt 2), df 1
        ((-0.01, -0.01), 10_000, "fail"),  # t = 70.7, against 31.8
    ],
)
def test_seeds_that_changed_alike(changes: tuple[float, ...], samples: int, status: str) -> None:
    (found,) = judge_drops([Changes([0.9] * len(changes), [0.9 + each for each in changes], 0.005, 1 / samples)])
    assert (found.status, found.lower, found.upper, found.detectable) == (status, None, None, None)


def test_one_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="one seed"):
        judge_drops([fallen(0), Changes((0.9,), (0.1,), 0.005, SAMPLE)])


@pytest.mark.parametrize("n", [2, 3, 5, 10, 30])
@pytest.mark.parametrize("family", [1, 9, 100])
def test_the_detectable_drop_is_found_in_four_of_five(n: int, family: int) -> None:
    sd, limit = 0.003, 0.01
    drop = detectable_drop(sd, n, limit, family)
    assert drop is not None
    shift = (drop - limit) / (sd / n**0.5)
    critical = stats.t.ppf(1 - 0.01 / family, n - 1)
    # At large t, where scipy's noncentral t fails: by the chi-square of the SD, given a normal mean.
    random = np.random.default_rng(n)
    t = (shift + random.normal(size=200_000)) / np.sqrt(random.chisquare(n - 1, 200_000) / (n - 1))
    assert (t > critical).mean() == pytest.approx(0.8, abs=0.005)


def test_no_drop_is_detectable_without_a_spread() -> None:
    assert detectable_drop(0.003, 1, 0.01) is None
    assert detectable_drop(0.0, 5, 0.01) is None


@pytest.mark.parametrize("family", [1, 9])
def test_enough_seeds_and_not_one_more(family: int) -> None:
    n = seeds_to_show(0.02, 0.006, 0.01, family)
    assert n is not None
    assert (detectable_drop(0.006, n, 0.01, family) or 1) <= 0.02 < (detectable_drop(0.006, n - 1, 0.01, family) or 0)
    assert seeds_to_show(0.0101, 0.006, 0.01, family) is None


# Seeds that the baseline lacks

BEFORE = (0.90, 0.91, 0.92)


def test_seeds_of_one_run_alone_by_hand() -> None:
    """Derrick et al. 2017, with unequal variances.

    Means .91 and .875, SDs .01 and .0129 = sqrt(5/3) / 100, correlation of the three pairs 1: the squared error is
    1e-4 / 3 + 1.667e-4 / 4 - 2 x .01 x .0129 / 4 = 1.0455e-5. Welch's degrees of freedom: 7.5e-5 squared over
    (3.333e-5 squared / 2 + 4.167e-5 squared / 3) = 4.959; of both tests 2 + (4.959 - 2) x 1 / (1 + 6) = 2.4228.
    """
    (found,) = judge_drops([Changes(BEFORE, (0.86, 0.87, 0.88, 0.89), 0.005, SAMPLE)])
    assert found.change == pytest.approx(-0.035)
    assert found.p_value == pytest.approx(stats.t.cdf(-0.03 / 1.0455e-5**0.5, 2.4228), rel=1e-3)
    assert found.upper == pytest.approx(-0.035 + stats.t.ppf(0.99, 2.4228) * 1.0455e-5**0.5, rel=1e-3)


@pytest.mark.parametrize(("fall", "seeds"), [(0.0, None), (0.004, 10), (0.006, 7)])
def test_fewer_seeds_decide_the_further_a_drop_is_from_its_limit(fall: float, seeds: int | None) -> None:
    """.9 points are too near to the limit of .5: the error of the baseline's five seeds alone leaves that open."""
    before, now = (0.90, 0.902, 0.904, 0.898, 0.896), (0.891, 0.893, 0.887, 0.889, 0.895)
    row = Changes(before, tuple(value - fall for value in now), 0.005, SAMPLE)
    assert judge_drops([row], looks=2)[0].status == "undecided"
    assert seeds_to_decide(row, family=1, looks=2) == seeds
    twice = Changes(before, [*row.now, *row.now], 0.005, SAMPLE)  # ten seeds of the same mean and nearly the same SD
    assert judge_drops([twice], looks=2)[0].status == ("fail" if seeds else "undecided")


def test_seeds_that_are_all_equal_decide_as_pairs_do() -> None:
    (found,) = judge_drops([Changes((0.9, 0.9), (0.89, 0.89, 0.89), 0.005, SAMPLE)])
    assert (found.status, found.lower, found.upper) == ("fail", None, None)


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_with_them_a_drop_of_the_limit_seldom_fails(correlation: float) -> None:
    """1,000 runs of five seeds, then ten: 1 % at both looks together, of which 19 or more have p < .01 (binomial)."""
    random, failed = np.random.default_rng(0), 0
    for _ in range(1000):
        shared = correlation**0.5 * random.normal(size=10)
        old, new = shared[:5], shared
        old = old + (1 - correlation) ** 0.5 * random.normal(size=5)
        new = new + (1 - correlation) ** 0.5 * random.normal(size=10) - 1.0
        verdicts = [judge_drops([Changes(old, new[:n], 1.0, SAMPLE)], looks=2)[0] for n in (5, 10)]
        failed += any(verdict.status == "fail" for verdict in verdicts)
    assert failed < 19
