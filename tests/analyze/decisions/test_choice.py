"""The candidate of a pair, what confirms it, and the trade between pairs."""

from dataclasses import replace

import pytest

from kdbench.analyze import summarize
from kdbench.analyze.decisions.choice import Pick, pick, trade
from kdbench.results import Outcome
from tests.records import Shape, make_results

WOBBLE = (0.0, 0.0011, -0.0008, 0.0005, -0.0004)
FRESH = range(5, 10)


def picked(validation, test, **shape):
    """The pick of one pair: levels by row, or by (row, seeds apart or not); five seeds, each a little off."""

    def level(levels):
        def accuracy(pair, row, seed):
            found = levels.get((row, seed in FRESH), levels.get(row, 0.95))
            return found + WOBBLE[(seed + len(row)) % 5]

        return accuracy

    asked = {"seeds": 5, "losses": ("cross_entropy", "kd", "dkd"), **shape}
    results = make_results(Shape(validation=level(validation), accuracy=level(test), **asked))
    return pick(summarize(results).pairs[0])


LEADS = {"cross_entropy": 0.90, "kd": 0.93, "dkd": 0.91}


def test_without_seeds_of_its_own_holm_confirms():
    found = picked(LEADS, {"cross_entropy": 0.90, "kd": 0.93, "dkd": 0.91})
    assert (found.row.row, found.evidence.apart, found.evidence.holds) == ("kd", False, True)
    assert found.evidence.holm_p == found.candidate.holm_p
    # Two rows were chosen from: each of their intervals misses in 2.5 %.
    error = found.candidate.gain.estimate.error
    assert found.evidence.family == 2
    assert found.evidence.interval == error.interval(found.candidate.gain.estimate.mean, 0.975)


def test_a_significant_loss_confirms_nothing():
    found = picked(LEADS, {"cross_entropy": 0.90, "kd": 0.88, "dkd": 0.91})
    assert found.evidence.holm_p < 0.05
    assert (found.row.row, found.evidence.holds) == ("cross_entropy", False)


@pytest.mark.parametrize(("there", "ships"), [(0.93, "kd"), (0.90, "cross_entropy")])
def test_seeds_apart_decide_whatever_the_others_say(there, ships):
    """On the seeds of the choice kd gains 3 points in all cases."""
    test = {"cross_entropy": 0.90, ("kd", False): 0.93, ("kd", True): there, "dkd": 0.90}
    found = picked(LEADS, test, confirms="kd")
    assert (found.row.row, found.evidence.apart, found.evidence.equal) == (ships, True, "epochs")
    assert found.evidence.difference.seeds == tuple(FRESH)
    assert found.evidence.interval == found.evidence.difference.estimate.interval  # nothing was chosen there


def test_seeds_apart_are_compared_at_equal_cost():
    """kd costs 1.8 times as much as the student alone, which is as good as kd after 2 x as many epochs."""
    test = {"cross_entropy": 0.90, "cross_entropy, 2 x epochs": 0.93, "kd": 0.93, "dkd": 0.90}
    validation = {**LEADS, "cross_entropy, 2 x epochs": 0.92}
    found = picked(validation, test, confirms="kd", alone=(1.0, 2.0))
    assert (found.evidence.equal, found.evidence.holds) == ("cost", False)
    assert found.row.row == "cross_entropy, 2 x epochs"  # of the student alone, the budget that is best on validation


def test_seeds_apart_of_another_row_confirm_nothing():
    found = picked(LEADS, {"cross_entropy": 0.90, "kd": 0.93, "dkd": 0.91}, confirms="dkd")
    assert not found.evidence.apart


def test_the_student_alone_wins_ties_and_needs_no_evidence():
    shape = Shape(seeds=5, losses=("kd", "cross_entropy", "dkd"), validation=lambda *_: 0.93)
    found = pick(summarize(make_results(shape)).pairs[0])
    assert found.row is found.candidate
    assert (found.row.row, found.evidence) == ("cross_entropy", None)


def test_of_equal_students_alone_the_tuned_one_is_shipped():
    """A tuning that chose the settings as published trains the same networks: they are not untuned."""
    shape = Shape(seeds=5, losses=("cross_entropy", "kd"), tries=2, alone=(1.0, 2.0), validation=lambda *_: 0.93)
    found = pick(summarize(make_results(shape)).pairs[0])
    assert found.row.row == "cross_entropy, tuned"


def test_a_row_with_collapsed_seeds_is_no_candidate():
    levels = {"cross_entropy": 0.90, "dkd": 0.92}
    shape = Shape(
        seeds=5,
        losses=("cross_entropy", "kd", "dkd"),
        accuracy=lambda pair, row, seed: 0.1 if (row, seed) == ("kd", 3) else levels.get(row, 0.95),
        validation=lambda pair, row, seed: levels.get(row, 0.95),
    )
    assert pick(summarize(make_results(shape)).pairs[0]).candidate.row == "dkd"
    only = replace(shape, losses=("kd",))
    assert pick(summarize(make_results(only)).pairs[0]).row.row == "kd"  # there is nothing else


def test_a_row_with_fewer_seeds_is_no_candidate():
    failed = {("big -> small", "kd", 0): Outcome(status="failed", reason="NaN")}
    assert picked(LEADS, LEADS, outcomes=failed).candidate.row == "dkd"


def picks(small, thin, seeds=5):
    """Two pairs with the student alone: the second takes twice as long and leads on validation by a point."""

    def accuracy(pair, row, seed):
        return (small, thin)[pair] + WOBBLE[(seed + pair) % 5]

    shape = Shape(pairs=(("big", "small"), ("wide", "thin")), seeds=seeds, losses=("cross_entropy",), accuracy=accuracy)
    shape.validation = lambda pair, row, seed: 0.90 + 0.01 * pair
    return [pick(pair) for pair in summarize(make_results(shape)).pairs]


@pytest.mark.parametrize(
    ("small", "ships"),
    [
        (0.90, 0),  # equal on test
        (0.92, 0),  # better
        (0.897, 0),  # worse by .3 points: within the margin
        (0.88, 1),  # worse by 2 points
    ],
)
def test_the_cheapest_that_is_not_shown_to_be_worse(small, ships):
    both = picks(small, 0.90)
    chosen, best = trade(both)
    assert best is both[1]
    assert chosen is both[ships]


def test_with_one_seed_nothing_is_shown_and_the_most_accurate_ships():
    both = picks(0.90, 0.90, seeds=1)
    assert trade(both) == (both[1], both[1])


def test_of_equally_cheap_ones_the_more_accurate_on_validation_ships():
    first, second = picks(0.90, 0.90)
    as_cheap = replace(second.row, scaled_microseconds=first.row.scaled_microseconds)
    twin = Pick(second.pair, as_cheap, second.candidate, None)
    assert trade([first, twin])[0] is twin
