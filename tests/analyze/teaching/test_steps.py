"""Steps before the reported student: their validation accuracy by position, by hand."""

from dataclasses import replace

import pytest

from kdbench.analyze import Summary, summarize
from kdbench.results import Outcome
from tests.records import Shape, make_results

ROW = "kd, generations(count=3)"
# Points of validation top-1 above 50 %, by seed. The first generation is the student under one teacher.
POINTS = {"kd": (0, 2), f"{ROW}, step 2": (3, 4), ROW: (5, 8)}


def accuracy(_: int, row: str, seed: int) -> float:
    return 0.5 + POINTS.get(row, (20, 20))[seed] / 100


def summary(shape: Shape) -> Summary:
    return summarize(make_results(shape))


SHAPE = Shape(seeds=2, teaching=("single", "generations"), accuracy=accuracy)


def test_validation_by_position_beside_the_reported_student() -> None:
    (row,) = summary(SHAPE).steps
    assert (row.pair, row.model, row.row, row.position) == ("big -> small", "small", ROW, 3)
    assert [step.position for step in row.steps] == [1, 2]
    first, second = row.steps
    assert first.validation.values == pytest.approx((0.50, 0.52))
    assert second.validation.values == pytest.approx((0.53, 0.54))
    assert row.reported is not None
    assert row.reported.values == pytest.approx((0.55, 0.58))
    assert first.against_reported is not None
    assert first.against_reported.estimate.values == pytest.approx((-0.05, -0.06))


def test_ways_without_steps_have_no_rows() -> None:
    assert summary(replace(SHAPE, teaching=("single", "ensemble"))).steps == ()


def test_a_step_that_failed_is_told_and_its_seed_is_not_counted() -> None:
    outcomes = {
        ("big -> small", f"{ROW}, step 2", 1): Outcome(status="failed", reason="NaN"),
        ("big -> small", ROW, 1): Outcome(status="skipped", reason="its teacher failed"),
    }
    found = summary(replace(SHAPE, outcomes=outcomes))
    (row,) = found.steps
    assert [len(step.validation.values) for step in row.steps] == [2, 1]
    assert row.reported is not None
    assert len(row.reported.values) == 1
    assert [(each.role, each.row, each.reason) for each in found.trouble] == [
        ("step", ROW, "NaN"),
        ("student", ROW, "its teacher failed"),
    ]


def test_steps_are_in_no_row_of_the_report() -> None:
    found = summary(SHAPE)
    assert [row.row for row in found.students] == ["cross_entropy", "kd", ROW]
    assert found.entries == 1 + 3 * 2
    assert len({row.row for row in found.learning}) == 3
