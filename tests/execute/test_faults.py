"""Runs that die or whose files are refused, at each change to the store: the next run gives what an undisturbed one does.

It trains nothing again that was whole, and leaves no draft.
"""

import errno
import tempfile
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from kdbench.results import EvaluationRecord, Store
from kdbench.spec import Suite, UserError
from tests.execute.faulty import Death, Faults, faults
from tests.execute.running import place, run
from tests.small import small_suite

# What happens, and whether it goes on: a disk that is full stays so.
KINDS: tuple[dict[str, Any], ...] = (
    {"number": None, "lasts": True},
    {"number": errno.ENOSPC, "lasts": True},
    {"number": errno.EIO, "lasts": False},
    {"number": errno.EROFS, "lasts": True},
    {"number": errno.EACCES, "lasts": False},
)


@pytest.fixture(scope="module")
def suite() -> Suite:
    """A teacher, a student alone and one that it teaches, of an epoch each."""
    return small_suite(seeds=1, train={"epochs": 1, "batch_size": 64}, latency={"batch_sizes": []})


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


@pytest.fixture(scope="module")
def undisturbed(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> tuple[JsonValue, int]:
    """What an undisturbed run gives, and how many changes it makes to the store."""
    root = tmp_path_factory.mktemp("undisturbed")
    with faults(Faults(root)) as counted:
        run(suite, place(root))
    return figures(root, suite), len(counted.seen)


def figures(root: Path, suite: Suite) -> JsonValue:
    """All that is stored of the latest run but for times, machines and costs."""
    store = Store(root)
    latest = store.latest_run(suite.name)
    kept = {"curve", "selected_epoch", "stopped", "weights_sha256", "data_sha256", "task"}
    evaluations = {key: store.read(Store.EVALUATIONS, key, EvaluationRecord) for key in latest.evaluations}
    return {
        "trials": {key: store.read_trial(key).model_dump(mode="json", include=kept) for key in latest.outcomes},
        "outcomes": {key: outcome.model_dump() for key, outcome in latest.outcomes.items()},
        "artifacts": {key: store.read_artifact(key).model.model_dump(mode="json") for key in latest.artifacts},
        "evaluations": {
            key: each and each.model_dump(mode="json", exclude={"cpu_seconds", "finished"})
            for key, each in evaluations.items()
        },
        "failures": sorted(path.name for path in (root / Store.FAILURES).glob("*")),
    }


def trained(root: Path) -> dict[str, bytes]:
    """The records of trials that are whole, as they are."""
    store = Store(root)
    keys = [path.name for path in (root / "trials").glob("*") if store.is_trained(path.name)]
    return {key: (store.trial_folder(key) / Store.TRIAL).read_bytes() for key in keys}


def disturb(suite: Suite, root: Path, at: int, kind: dict[str, Any]) -> bool:
    """A run with a fault; whether it happened. What was whole before stays as it is."""
    before, ended = trained(root), None
    with faults(Faults(root, at=at, **kind)) as fault:
        try:
            run(suite, place(root))
        except (Death, OSError, UserError) as error:
            ended = error
    assert isinstance(ended, Death) == (kind["number"] is None and fault.happened), ended
    assert not isinstance(ended, OSError) or ended.errno == kind["number"], ended
    assert before.items() <= trained(root).items()
    return fault.happened


def drafts(*folders: Path) -> Iterator[Path]:
    return (path for folder in folders for path in folder.rglob(".draft*"))


def test_a_run_that_is_disturbed_again_and_again_comes_to_its_end(
    suite: Suite, undisturbed: tuple[JsonValue, int], tmp_path: Path
) -> None:
    """Each is disturbed one change later than the one before, by another kind of fault."""
    root = tmp_path / "results"
    kinds = cycle(KINDS)
    at = 1
    while disturb(suite, root, at, next(kinds)):
        at += 1
    run(suite, place(root))
    assert figures(root, suite) == undisturbed[0]
    assert not list(drafts(root, tmp_path / "temporary"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: errno.errorcode.get(kind["number"], "death"))
def test_whatever_change_is_disturbed(
    kind: dict[str, Any], suite: Suite, undisturbed: tuple[JsonValue, int], tmp_path: Path
) -> None:
    wanted, changes = undisturbed
    for at in range(1, changes + 1):
        root = tmp_path / str(at)
        assert disturb(suite, root, at, kind), at
        before = trained(root)
        run(suite, place(root))
        assert before.items() <= trained(root).items(), at
        assert figures(root, suite) == wanted, at
        assert not list(drafts(root, tmp_path / "temporary")), at
