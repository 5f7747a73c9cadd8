"""The student alone of another run, for a part of a suite that was run without it."""

from dataclasses import replace
from pathlib import Path

import pytest

from kdbench.analyze import recommend, summarize
from kdbench.results import ResultSet, RunRecord, Store, load_run
from kdbench.results.runs.alone import with_alone
from tests.records import Shape, make_results
from tests.stored import store_results

SHAPE = Shape(seeds=5, accuracy=lambda pair, row, seed: {"kd": 0.64, "cross_entropy": 0.73}.get(row, 0.8) + seed / 1000)


def part_of(results: ResultSet) -> RunRecord:
    """The run of 'kd' alone: --losses kd."""
    run = results.run
    entries = tuple(entry for entry in run.entries if entry.role == "teacher" or entry.loss == "kd")
    return run.model_copy(
        update={
            "name": "example@losses=kd",
            "run_id": "20250103T030405Z-dcba",
            "entries": entries,
            "outcomes": {entry.key: run.outcomes[entry.key] for entry in entries},
            "suite": {**run.suite, "losses": [loss for loss in run.suite["losses"] if loss["use"] == "kd"]},
        }
    )


@pytest.fixture
def stored(tmp_path: Path) -> tuple[Store, RunRecord]:
    results = make_results(SHAPE)
    part = part_of(results)
    store = store_results(tmp_path, results)
    store.write_run(part)
    return store, part


def test_a_loss_is_compared_with_the_student_alone_of_another_run(stored: tuple[Store, RunRecord]) -> None:
    store, part = stored
    summary = summarize(load_run(store, part))
    alone, kd = summary.students
    assert (alone.row, alone.alone, kd.row) == ("cross_entropy", True, "kd")
    assert kd.gain is not None
    assert kd.gain.estimate.mean == pytest.approx(-0.09)
    assert recommend(summary).headline == "Ship small trained alone"
    assert summary.notes == ("the student alone was not asked for: it is that of the run 20250102T030405Z-abcd",)


def test_a_run_that_has_it_stays_as_it_is(stored: tuple[Store, RunRecord]) -> None:
    store, _ = stored
    whole = store.latest_run("example")
    assert with_alone(whole, store) is whole


def test_one_that_was_trained_otherwise_does_not_count(tmp_path: Path) -> None:
    results = make_results(SHAPE)
    part = part_of(results)
    store_results(tmp_path, results)
    store = store_results(tmp_path, make_results(replace(SHAPE, epochs=50)))  # the run that is there
    assert with_alone(part, store) is part
    assert (
        recommend(summarize(load_run(store, part))).headline == "Nothing to ship, because the student alone was not run"
    )


def test_runs_of_other_suites_do_not_count(tmp_path: Path) -> None:
    results = make_results(SHAPE)
    store = store_results(tmp_path, results, name="another")
    part = part_of(results)
    assert with_alone(part, store) is part
