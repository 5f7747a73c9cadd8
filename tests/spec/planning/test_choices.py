"""Choices by the trials that are done."""

from kdbench.spec.planning.choices import Finished, best, equal_cost, mean_validation

DONE = {
    "a0": Finished(0.8, 10.0),
    "a1": Finished(0.6, 10.0),
    "b0": Finished(0.7, 26.0),
    "b1": Finished(0.72, 24.0),
    "c0": Finished(0.9, 1.0),
    "c1": Finished(None),
}


def test_the_best_mean_is_chosen_and_the_first_of_equal_ones() -> None:
    assert best([("a", ["a0", "a1"]), ("b", ["b0", "b1"])], DONE) == "b"
    assert best([("a", ["a0"]), ("again", ["a0"])], DONE) == "a"


def test_what_failed_for_one_seed_is_not_chosen() -> None:
    assert mean_validation(["c0", "c1"], DONE) is None
    assert best([("c", ["c0", "c1"]), ("a", ["a1"])], DONE) == "a"
    assert best([("c", ["c1"])], DONE) is None


def test_equal_cost_is_rounded_up_to_whole_epochs() -> None:
    assert equal_cost(8, ["a0", "a1"], ["b0", "b1"], DONE) == 20 / 8  # 2.5 times the seconds of 8 epochs
    assert equal_cost(3, ["a0", "a1"], ["b0", "b1"], DONE) == 8 / 3  # 7.5 epochs
    assert equal_cost(8, ["b0"], ["a0"], DONE) == 1.0
