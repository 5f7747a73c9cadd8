"""The candidate of a pair, and what confirms it."""

from dataclasses import replace

import pytest

from kdbench.analyze import summarize
from kdbench.analyze.decisions.choice import pick, picks
from kdbench.results import Outcome
from tests.records import Shape, make_results

WOBBLE = (0.0, 0.0011, -0.0008, 0.0005, -0.0004)
FRESH = range(5, 10)


def picked(validation, test, **shape):
    """The pick of one pair."""
    return pick_of(pair_of(validation, test, **shape))


def pick_of(pair):
    return pick(pair, pair.students)


def pair_of(validation, test, **shape):
    """One pair: levels by row, or by (row, seeds apart or not); five seeds, each a little off."""

    def level(levels):
        def accuracy(pair, row, seed):
            found = levels.get((row, seed in FRESH), levels.get(row, 0.95))
            return found + WOBBLE[(seed + len(row)) % 5]

        return accuracy

    asked = {"seeds": 5, "losses": ("cross_entropy", "kd", "dkd"), **shape}
    results = make_results(Shape(validation=level(validation), accuracy=level(test), **asked))
    return summarize(results).pairs[0]


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
    found = pick_of(summarize(make_results(shape)).pairs[0])
    assert found.row is found.candidate
    assert (found.row.row, found.evidence) == ("cross_entropy", None)


def test_of_equal_students_alone_the_tuned_one_is_shipped():
    """A tuning that chose the settings as published trains the same networks: they are not untuned."""
    shape = Shape(seeds=5, losses=("cross_entropy", "kd"), tries=2, alone=(1.0, 2.0), validation=lambda *_: 0.93)
    found = pick_of(summarize(make_results(shape)).pairs[0])
    assert found.row.row == "cross_entropy, tuned"


def test_a_row_with_collapsed_seeds_is_no_candidate():
    levels = {"cross_entropy": 0.90, "dkd": 0.92}
    shape = Shape(
        seeds=5,
        losses=("cross_entropy", "kd", "dkd"),
        accuracy=lambda pair, row, seed: 0.1 if (row, seed) == ("kd", 3) else levels.get(row, 0.95),
        validation=lambda pair, row, seed: levels.get(row, 0.95),
    )
    assert pick_of(summarize(make_results(shape)).pairs[0]).candidate.row == "dkd"
    only = replace(shape, losses=("kd",))
    assert pick_of(summarize(make_results(only)).pairs[0]).row.row == "kd"  # there is nothing else


def test_a_row_with_fewer_seeds_is_no_candidate():
    failed = {("big -> small", "kd", 0): Outcome(status="failed", reason="NaN")}
    assert picked(LEADS, LEADS, outcomes=failed).candidate.row == "dkd"


def test_each_architecture_of_a_pair_has_its_choice():
    """dkd deploys a larger network: where a budget leaves that out, kd is the pair's choice."""
    test = {"cross_entropy": 0.90, "kd": 0.93, "dkd": 0.94}
    pair = pair_of(test, test)
    larger = [replace(row, architecture="large") if row.row == "dkd" else row for row in pair.students]
    assert [each.row.row for each in picks(replace(pair, students=tuple(larger)))] == ["dkd", "kd"]
    assert [each.row.row for each in picks(pair)] == ["dkd"]


def test_an_architecture_whose_loss_is_not_confirmed_has_no_choice():
    pair = pair_of(LEADS, {"cross_entropy": 0.95, "kd": 0.90, "dkd": 0.90})
    larger = [replace(row, architecture="large") if row.row == "dkd" else row for row in pair.students]
    (found,) = picks(replace(pair, students=tuple(larger)))
    assert (found.row.row, found.candidate.row) == ("cross_entropy", "kd")  # the best on validation of all rows
