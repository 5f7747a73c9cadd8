"""Each word by hand, Holm over the family, and the share of families with a false word."""

import numpy as np
import pytest
from scipy import stats

from kdbench.statistics.intervals import estimate
from kdbench.statistics.verdicts import family_verdicts

WOBBLE = (0.0, 0.001, -0.001, 0.0005, -0.0005)  # SD .00079, standard error .000354


def around(mean, seeds=5):
    return estimate([mean + shift for shift in WOBBLE[:seeds]])


def words(*differences):
    return [verdict.word for verdict in family_verdicts(differences)]


@pytest.mark.parametrize(
    ("mean", "word"),
    [
        (0.010, "better"),
        (-0.010, "worse"),
        (0.000, "equivalent"),
        (0.003, "equivalent"),
        (0.005, "undecided"),  # at the margin nothing is shown
        (-0.0055, "undecided"),
    ],
)
def test_the_word_of_one_comparison(mean, word):
    assert words(around(mean)) == [word]


@pytest.mark.parametrize("mean", [-0.012, -0.0061, -0.003, 0.0, 0.0041, 0.0058, 0.0061, 0.02])
def test_a_single_comparison_agrees_with_its_95_percent_interval(mean):
    found = around(mean)
    low, high = found.interval.low, found.interval.high
    expected = "better" if low > 0.005 else "worse" if high < -0.005 else "undecided"
    if low > -0.005 and high < 0.005:
        expected = "equivalent"
    assert words(found) == [expected]


def test_p_values_are_doubled_and_adjusted_by_holm():
    # One-sided t-tests of scipy against the margin; of two, the smaller p counts twice.
    first, second = around(0.010), around(0.0065)
    plain = [2 * stats.ttest_1samp(each.values, 0.005, alternative="greater").pvalue for each in (first, second)]
    assert plain[0] < plain[1] < 0.025
    found = family_verdicts([first, second])
    assert [verdict.p_value for verdict in found] == pytest.approx([2 * plain[0], plain[1]])


def test_a_larger_family_asks_for_more():
    near = around(0.0062)
    assert words(near) == ["better"]
    assert words(near, *[around(0.005)] * 9) == ["undecided"] * 10


def test_what_cannot_be_judged_counts_in_the_family():
    found = family_verdicts([around(0.0065), None, around(0.02, seeds=4), estimate([0.02] * 5)])
    assert [verdict.word for verdict in found] == ["undecided", "unstable", "undecided", "undecided"]
    assert found[0].p_value == pytest.approx(4 * family_verdicts([around(0.0065)])[0].p_value)
    assert [verdict.p_value for verdict in found[1:]] == [None, None, None]


@pytest.mark.parametrize("truth", [0.0, 0.005, -0.005])
def test_at_most_one_family_in_twenty_has_a_false_word(truth):
    """Seven losses share the student alone; 'equivalent' is false at the margin, the others everywhere here."""
    random, false = np.random.default_rng(8), 0
    for _ in range(400):
        alone = random.normal(0, 0.002, 5)
        family = [estimate((random.normal(truth, 0.002, 5) - alone).tolist()) for _ in range(7)]
        found = set(words(*family)) - {"undecided"}
        false += bool(found - ({"equivalent"} if truth == 0 else set()))
    assert false <= 30  # of 20 allowed: SE 4.4
