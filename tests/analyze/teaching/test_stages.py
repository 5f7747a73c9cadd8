"""Stages of a row on the test split, by hand: the first of three generations and the last."""

import pytest

from kdbench.analyze import Summary, summarize
from kdbench.results import ResultSet
from tests.records import Shape, make_results

ROW = "kd, generations(count=3)"
POINTS = {"kd": (50, 52), ROW: (55, 58)}


def accuracy(_: int, row: str, seed: int) -> float:
    return POINTS.get(row, (40, 40))[seed] / 100


def staged() -> ResultSet:
    """The first generation, which is the student of plain distillation, is a stage; the second stays a step."""
    results = make_results(Shape(seeds=2, teaching=("single", "generations"), accuracy=accuracy))
    entries = tuple(
        entry.model_copy(update={"role": "stage"}) if (entry.role, entry.position) == ("step", 1) else entry
        for entry in results.run.entries
    )
    return ResultSet(
        results.run.model_copy(update={"entries": entries}),
        results.records,
        results.artifacts,
        results.evaluations,
        results.latencies,
    )


@pytest.fixture(scope="module")
def summary() -> Summary:
    return summarize(staged())


def test_stages_stand_by_position_with_the_reported_student_last(summary: Summary) -> None:
    (row,) = summary.generations
    assert (row.pair, row.student.row, row.way.use) == ("big -> small", ROW, "generations")
    tops = {position: found.top1.values for position, found in row.stages.items() if found.top1}
    assert tops == {1: pytest.approx((0.50, 0.52)), 3: pytest.approx((0.55, 0.58))}
    assert row.stages[3].networks == 2
    assert row.ensemble is None


def test_gains_are_over_the_first_stage_paired_by_seed(summary: Summary) -> None:
    (row,) = summary.generations
    gain = row.over_first(row.stages[3])
    assert gain is not None
    assert gain.estimate.values == pytest.approx((0.05, 0.06))
    assert row.over_first(row.stages[1]) is None


def test_a_row_without_stages_is_not_there() -> None:
    assert summarize(make_results(Shape(seeds=2, teaching=("single", "generations")))).generations == ()
