"""What differs between two runs, by hand."""

import pytest

from kdbench.analyze import summarize
from kdbench.analyze.comparisons.changes import (
    Change,
    compare_rows,
    machine_changes,
    package_changes,
    suite_changes,
)
from tests.records import Shape, make_results

SUITE = {
    "train": {"epochs": 3, "patience": None, "optimizer": {"use": "sgd", "lr": 0.1}},
    "losses": [{"use": "kd", "name": "kd", "options": {"temperature": 4.0}}],
    "gates": [],
}


def test_keys_of_suites_that_differ() -> None:
    other = {
        "train": {"epochs": 5, "patience": 2, "optimizer": {"use": "sgd", "lr": 0.1}},
        "losses": [
            {"use": "kd", "name": "kd", "options": {"temperature": 2.0}},
            {"use": "fitnet", "name": "hint", "options": {}},
        ],
        "gates": [],
    }
    assert suite_changes(SUITE, other) == (
        Change("train.epochs", 3, 5),
        Change("train.patience", None, 2),
        Change("losses.kd.temperature", 4.0, 2.0),
        Change("losses.hint", None, {"use": "fitnet", "name": "hint"}),
    )
    assert suite_changes(SUITE, SUITE) == ()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (Change("train.epochs", 3, 5), "train.epochs was 3, is 5"),
        (Change("train.patience", None, 2), "train.patience was not there, is 2"),
        (Change("pairs.p.student.origin", "565e", "f820"), "the source code of pairs.p.student has changed"),
    ],
)
def test_a_change_is_told_in_a_sentence(change: Change, told: str) -> None:
    assert change.sentence == told


def test_machine_and_packages_are_apart_and_the_load_is_neither() -> None:
    before = {"cpu": "A", "load_average": [1.0], "versions": {"torch": "2.9", "timm": None}}
    after = {"cpu": "B", "load_average": [2.0], "versions": {"torch": "2.9", "timm": "1.0"}}
    assert machine_changes(before, after) == (Change("cpu", "A", "B"),)
    assert package_changes(before, after) == (Change("timm", None, "1.0"),)
    assert package_changes({}, after) == (Change("torch", None, "2.9"), Change("timm", None, "1.0"))


def test_rows_of_one_name_are_compared_by_seed() -> None:
    before = summarize(make_results(Shape(accuracy=lambda pair, loss, seed: 0.80, losses=("cross_entropy", "kd"))))
    after = summarize(
        make_results(
            Shape(
                accuracy=lambda pair, loss, seed: 0.80 + (0.01 * (seed + 1) if loss == "kd" else 0),
                losses=("kd", "fitnet"),
            )
        )
    )
    found = {row.after.row: row for row in compare_rows(before.students, after.students, same_test=False)}
    assert found.keys() == {"kd"}
    difference = found["kd"].difference
    assert difference
    assert difference.seeds == (0, 1, 2)
    assert round(difference.estimate.mean, 6) == 0.02  # 1, 2 and 3 points
    # Mean 2, SD 1 of three: 2 -+ 4.3027 / sqrt(3)
    assert difference.estimate.interval
    assert round(100 * difference.estimate.interval.low, 2) == -0.48


def test_means_are_of_the_seeds_that_both_sides_have() -> None:
    few, many = (
        summarize(make_results(Shape(seeds=seeds, accuracy=lambda pair, loss, seed: 0.80 + 0.01 * seed)))
        for seeds in (2, 4)
    )
    (row, *_) = compare_rows(few.students, many.students, same_test=True)
    assert row.after.top1.mean == pytest.approx(0.815)
    assert row.means == pytest.approx((0.805, 0.805))
