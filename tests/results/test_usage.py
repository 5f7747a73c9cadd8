"""What a store holds, and what of it is in use: a run of two trials, and records beside it."""

import os
from pathlib import Path

import pytest

from kdbench.results import FailureRecord, Store
from kdbench.results.usage import Holding, Usage, remove, usage_of
from tests.records import Shape, make_results
from tests.stored import store_results

LONG_AGO = 10 * 86400.0
EARLIER, NOBODY = "e" * 16, "f" * 16  # keys


def write(folder: Path) -> Store:
    """A store with a run, an earlier one that refers to a trial more, a trial of no run, and a cache."""
    results = make_results(Shape(losses=("kd",), seeds=1))
    store = store_results(folder, results, run_id="20260102T000000.000000Z-bbbb")
    earlier = {**results.run.outcomes, EARLIER: next(iter(results.run.outcomes.values()))}
    store.write_run(results.run.model_copy(update={"run_id": "20260101T000000.000000Z-aaaa", "outcomes": earlier}))
    for key in (EARLIER, NOBODY):
        with store.new_trial(key) as path:
            (path / Store.TRIAL).write_bytes(b"12345")
            (path / Store.WEIGHTS).write_bytes(b"123")
    (folder / "cache/outputs").mkdir(parents=True)
    (folder / "cache/outputs/lock").write_bytes(b"")
    (folder / "cache/outputs/logits.f32").write_bytes(b"1234")
    (folder / "cache/lock").write_bytes(b"")
    for path in folder.rglob("*"):
        os.utime(path, (0, path.stat().st_mtime - LONG_AGO))
    return store


def names(found: tuple[Holding, ...]) -> list[tuple[str, str, int]]:
    return [(each.kind, each.key, each.bytes) for each in found]


def test_a_snapshot_is_in_use_until_its_trial_is_recorded(tmp_path: Path) -> None:
    store = write(tmp_path)
    waiting = "a" * 16
    for key in (waiting, NOBODY):  # of the second there is a record
        store.snapshot(key).parent.mkdir(exist_ok=True)
        store.snapshot(key).write_bytes(b"12")
        os.utime(store.snapshot(key), (0, 0))
    usage = usage_of(store)
    found = usage.unused(usage.runs, planned=[waiting, NOBODY])
    assert names(found) == [("snapshots", NOBODY, 2)]


def test_what_no_run_refers_to_is_found_and_removed(tmp_path: Path) -> None:
    store = write(tmp_path)
    usage = usage_of(store)
    nobody, earlier = ("trials", NOBODY, 8), ("trials", EARLIER, 8)
    assert names(usage.unused(usage.runs)) == [nobody]
    assert names(usage.unused(usage.latest)) == [earlier, nobody]
    assert usage.unused(usage.runs, planned=[NOBODY]) == ()
    assert usage.unused(usage.runs, days=11) == ()
    remove(usage.unused(usage.runs))
    assert not store.trial_folder(NOBODY).exists()
    assert usage_of(store).unused(usage.runs) == ()


def test_runs_refer_to_records_of_every_kind(tmp_path: Path) -> None:
    store = write(tmp_path)
    failure = FailureRecord(
        key=EARLIER, status="failed", reason="nan", repeats=True, device="cpu", machine={}, finished=""
    )
    store.write(Store.FAILURES, EARLIER, failure)
    usage = usage_of(store)
    kinds = {each.kind for each in usage.of_runs(usage.runs)}
    assert kinds == {"trials", "artifacts", "evaluations", "latency", "failures"}
    assert "failures" not in {each.kind for each in usage.of_runs(usage.latest)}


def test_drafts_of_processes_that_died_are_found_and_removed(tmp_path: Path) -> None:
    store = write(tmp_path)
    for folder in ("trials", "suites/tiny"):
        (tmp_path / folder / ".kdbench-draft-k-abc").mkdir(parents=True)
        (tmp_path / folder / ".kdbench-draft-k-abc/weights").write_bytes(b"12")
    usage = usage_of(store)
    assert not [each for each in usage.unused(usage.runs) if each.kind == "drafts"]  # they are of today
    drafts = [each for each in usage.unused(usage.runs, days=-1) if each.kind == "drafts"]
    assert names(tuple(drafts)) == [("drafts", ".kdbench-draft-k-abc", 2)] * 2
    assert not [each for each in usage.holdings if each.kind == "trials" and each.key.startswith(".")]
    remove(drafts)
    assert not list(tmp_path.rglob(".kdbench-draft*"))


def test_a_cache_in_use_stays(tmp_path: Path) -> None:
    import fcntl

    usage: Usage = usage_of(write(tmp_path))
    caches = [each for each in usage.holdings if each.kind == "cache"]
    assert [(each.key, each.bytes) for each in caches] == [("outputs", 4)]
    with (tmp_path / "cache/outputs/lock").open("a+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        remove(caches)
        assert (tmp_path / "cache/outputs/logits.f32").exists()
    remove(caches)
    assert not (tmp_path / "cache/outputs").exists()


def test_a_damaged_run_stops_it(tmp_path: Path) -> None:
    store = write(tmp_path)
    next((tmp_path / "suites").glob("*/*bbbb.json")).write_text("{}")
    with pytest.raises(Exception, match="schema"):
        usage_of(store)
