"""A suite at equal cost, with tuning and confirmation, run for real: what follows from what is trained."""

from pathlib import Path

import pytest

from kdbench import api
from kdbench.execute.events import TrialEnded
from kdbench.results import ResultSet, Store, load_run
from kdbench.spec import Suite
from tests.execute.running import place, run
from tests.small import small_suite

LATENCY = {"batch_sizes": [], "largest_batch": 1}


def fair_suite() -> Suite:
    """Two rows of two seeds, tuned by two tries of which the second cannot learn, and two seeds to confirm."""
    return small_suite(
        seeds=2,
        confirm_seeds=2,
        train={"epochs": 1, "batch_size": 64},
        budget={"by": "both", "alone": [1, 3]},
        tuning={"trials": 2, "lr": {"range": [1e15, 1e16], "scale": "log"}},
        losses=["cross_entropy", {"use": "kd", "weight": 8.0, "ce_weight": 1.0, "lr": 0.2}],
        latency=LATENCY,
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fair")


@pytest.fixture(scope="module")
def results(root: Path) -> ResultSet:
    record, _ = run(fair_suite(), place(root))
    return load_run(Store(root), record)


def test_a_try_that_diverges_is_no_failure_of_the_run(results: ResultSet) -> None:
    tries = [entry for entry in results.run.entries if entry.role == "try"]
    statuses = {entry.position: results.run.outcomes[entry.key].status for entry in tries}
    assert statuses == {1: "done", 2: "failed"}
    assert results.run.failed == frozenset()


def test_tuned_rows_have_the_settings_of_the_best_try(results: ResultSet) -> None:
    tuned = {entry.row for entry, _ in results.done if entry.tuned}
    assert tuned == {
        "cross_entropy, tuned",
        "cross_entropy, tuned, 3 x epochs",
        "kd(weight=8.0, ce_weight=1.0, lr=0.2), tuned",
    }
    assert all(entry.settings == {} for entry, _ in results.done)  # as published: the other try has failed


def test_the_best_row_is_confirmed_against_the_student_alone_at_equal_cost(results: ResultSet) -> None:
    confirmed = {(entry.loss, entry.budget) for entry, _ in results.confirmations}
    assert {entry.seed for entry, _ in results.confirmations} == {2, 3}
    assert all(entry.tuned for entry, _ in results.confirmations)
    costs = {
        loss: [trial.training.alone_seconds for entry, trial in results.done if entry.loss == loss and entry.tuned]
        for loss in ("cross_entropy", "kd(weight=8.0, ce_weight=1.0, lr=0.2)")
    }
    assert costs["cross_entropy"]
    longer = [budget for loss, budget in confirmed if loss == "cross_entropy" and budget != 1]
    assert confirmed == {
        ("kd(weight=8.0, ce_weight=1.0, lr=0.2)", 1.0),
        ("cross_entropy", 1.0),
        *(("cross_entropy", budget) for budget in longer),
    }
    assert all(trial.test.samples for _, trial in results.confirmations)


def test_what_confirms_is_evaluated_on_clean_images_and_stands_in_no_row(results: ResultSet) -> None:
    keys = {entry.key for entry, _ in results.confirmations}
    assert keys.isdisjoint(entry.key for entry, _ in results.done)
    assert all(trial.exported.clean.condition is None for _, trial in results.confirmations)


def test_the_same_suite_again_trains_nothing(root: Path, results: ResultSet) -> None:
    again, heard = run(fair_suite(), place(root))
    assert not [event for event in heard if isinstance(event, TrialEnded)]  # nor what diverged, which would again
    assert again == results.run


def test_a_plan_knows_what_follows_from_the_store(root: Path, results: ResultSet) -> None:
    found = api.plan(fair_suite(), store=Store(root))
    assert found.entries == results.run.entries
    assert found.later == ()
