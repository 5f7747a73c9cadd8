"""What tuning gained and cost, by hand."""

from dataclasses import replace

import pytest

from kdbench.analyze import summarize
from kdbench.analyze.comparisons.tuning import TunedPair
from kdbench.results import Outcome
from tests.records import Shape, make_results

# Points above 80 %. Seeds differ by a tenth of a point.
POINTS = {
    "teacher": 15,
    "cross_entropy": 5,
    "cross_entropy, tuned": 8,
    "kd": 7,
    "kd, tuned": 7.5,
    "dist": 6,
    "dist, tuned": 9,
    "kd, try 1": 3,
    "kd, try 2": 6,
    "kd, try 3": 1,
}


def accuracy(_: int, row: str, seed: int) -> float:
    return 0.8 + POINTS.get(row, 0) / 100 + 0.001 * (seed % 1000)


SHAPE = Shape(seeds=5, losses=("cross_entropy", "kd", "dist"), tries=3, accuracy=accuracy)


def tuned(shape: Shape) -> TunedPair:
    (pair,) = summarize(make_results(shape)).tuned
    return pair


def test_each_row_as_published_and_tuned() -> None:
    pair = tuned(SHAPE)
    assert [(row.published.row, row.tuned.row) for row in pair.rows] == [
        ("cross_entropy", "cross_entropy, tuned"),
        ("kd", "kd, tuned"),
        ("dist", "dist, tuned"),
    ]
    gained = [row.gained.estimate.mean for row in pair.rows if row.gained]
    assert gained == pytest.approx([0.03, 0.005, 0.03])
    assert pair.rows[1].tuned.settings == {"temperature": 2.0}


def test_the_gain_of_a_tuned_row_is_over_the_student_alone_tuned() -> None:
    before, after = ((row.published.gain, row.tuned.gain) for row in tuned(SHAPE).rows[1:])
    found = [gain.estimate.mean for gain in (*before, *after) if gain]
    assert found == pytest.approx([0.02, -0.005, 0.01, 0.01])


def test_how_the_order_changed() -> None:
    pair = tuned(SHAPE)
    assert [(row.rank_published, row.rank_tuned) for row in pair.rows] == [(3, 2), (1, 3), (2, 1)]
    # kd loses to both others, who keep their order: of three pairs one is as before.
    assert pair.tau == pytest.approx(-1 / 3)


def test_what_the_tries_cost_and_promised() -> None:
    tries = tuned(SHAPE).rows[1].tries
    assert (tries.count, tries.seeds, tries.failed) == (3, 1, 0)
    assert tries.promised == pytest.approx(0.03)
    # Of one trial 0.8 + 10 s of its steps at seed 1000, 0.1 s of evaluation, 0.2 s of data, 0.9 s of the teacher.
    assert tries.seconds == pytest.approx(3 * 12.0)


def test_a_try_that_failed_is_counted_and_promises_nothing() -> None:
    failed = Outcome(status="failed", reason="NaN")
    tries = tuned(replace(SHAPE, outcomes={("big -> small", "kd, try 2", 1000): failed})).rows[1].tries
    assert (tries.count, tries.failed) == (3, 1)
    assert tries.promised == 0
    assert tries.seconds == pytest.approx(2 * 12.0)
    first = tuned(replace(SHAPE, outcomes={("big -> small", "kd, try 1", 1000): failed})).rows[1].tries
    assert first.promised is None


def test_a_row_without_results_in_both_forms_is_left_out() -> None:
    outcomes = {("big -> small", "kd, tuned", seed): Outcome(status="failed", reason="NaN") for seed in range(5)}
    assert [row.published.row for row in tuned(replace(SHAPE, outcomes=outcomes)).rows] == ["cross_entropy", "dist"]
    assert summarize(make_results(replace(SHAPE, tries=0))).tuned == ()
