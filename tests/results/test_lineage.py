"""What the weights of a stream, of a federation and of a head cost, by hand."""

import pytest

from kdbench.results.lineage import earlier
from kdbench.results.records import TrialRecord
from kdbench.spec import TrainSpec
from tests.records import Shape, make_results

RECORD = next(iter(make_results(Shape(seeds=1)).records.values()))
# By key: what a trial starts from, its epochs, and the seconds of its own steps.
TRIALS: dict[str, tuple[list[str], int, float]] = {
    "first task": ([], 2, 1.0),
    "second task": (["first task"], 2, 2.0),
    "its other head": (["second task"], 0, 2.0),
    "third task": (["its other head"], 2, 4.0),
    "client 1": (["second task"], 2, 8.0),
    "client 2": (["second task"], 2, 16.0),
    "server": (["client 1", "client 2"], 0, 0.0),
}


def record(key: str, **more: object) -> TrialRecord:
    starts, epochs, seconds = TRIALS[key]
    changes = {"start": tuple(starts), "train": TrainSpec(epochs=epochs), **more}
    trial = RECORD.trial.model_copy(update=changes)
    cost = RECORD.training.model_copy(update={"step_seconds": seconds})
    return RECORD.model_copy(update={"key": key, "trial": trial, "training": cost})


def seconds_before(key: str, **more: object) -> float:
    return sum(cost.step_seconds for cost in earlier(record(key, **more), record))


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("first task", 0.0),
        ("second task", 1.0),
        ("its other head", 1.0),  # the second task's 2 seconds are its own already
        ("third task", 1.0 + 2.0),
        ("server", 1.0 + 2.0 + 8.0 + 16.0),  # what both clients go on from counts once
    ],
)
def test_every_training_before_counts_once(key: str, expected: float) -> None:
    assert seconds_before(key) == expected


def test_members_of_an_ensemble_are_no_part_of_it() -> None:
    assert seconds_before("server", combine="logits") == 0.0


def test_what_was_removed_is_left_out() -> None:
    assert earlier(record("server"), lambda _: None) == ()
