"""The store: whole or not at all, never edited."""

import errno
import os
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from kdbench.results import EvaluationRecord, Store
from kdbench.results.drafts import temporary_folder
from kdbench.results.store import sha256_of, write_whole
from kdbench.results.stored import Keyed, Stored
from kdbench.results.timings import LatencyRecord, ThroughputRecord
from kdbench.spec import UserError
from tests.records import Shape, make_results


def fill(store: Store, key: str, text: str = "{}") -> None:
    with store.new_trial(key) as folder:
        (folder / "trial.json").write_text(text)
        (folder / Store.WEIGHTS).write_bytes(b"w")


def test_a_trial_appears_when_the_block_ends(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.new_trial("k") as folder:
        (folder / "trial.json").write_text("{}")
        assert not (store.trial_folder("k") / Store.TRIAL).exists()
    assert (store.trial_folder("k") / Store.TRIAL).exists()
    assert not store.is_trained("k")  # without its weights
    assert [path.name for path in (tmp_path / "trials").iterdir()] == ["k"]


def test_a_trial_that_fails_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def break_off() -> None:
        with store.new_trial("k") as folder:
            (folder / "trial.json").write_text("{}")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert list((tmp_path / "trials").iterdir()) == []


def test_a_finished_trial_is_never_edited(tmp_path: Path) -> None:
    store = Store(tmp_path)
    fill(store, "k", "first")
    fill(store, "k", "second")
    assert (store.trial_folder("k") / "trial.json").read_text() == "first"
    assert len(list((tmp_path / "trials").iterdir())) == 1


def test_a_record_without_weights_gives_way_to_a_full_one(tmp_path: Path) -> None:
    store = Store(tmp_path)
    fill(store, "k", "bare")
    (store.trial_folder("k") / Store.WEIGHTS).unlink()
    fill(store, "k", "full")
    assert (store.trial_folder("k") / "trial.json").read_text() == "full"
    assert store.is_trained("k")


def test_folders_can_be_read_by_others(tmp_path: Path) -> None:
    store = Store(tmp_path)
    fill(store, "k")
    assert stat.S_IMODE(store.trial_folder("k").stat().st_mode) & 0o055 == 0o055


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.json"
    write_whole(path, "one")
    write_whole(path, "two")
    assert path.read_text() == "two"
    assert [p.name for p in path.parent.iterdir()] == ["b.json"]


def test_a_full_disk_is_told_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left") as told:
        write_whole(tmp_path / "a.json", "one")
    assert told.value.filename == str(tmp_path / "a.json")
    assert list(tmp_path.iterdir()) == []


def test_what_processes_that_died_left_is_removed_when_a_run_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, temporary = Store(tmp_path / "results"), tmp_path / "temporary"
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    left = [
        store.trial_folder(".kdbench-draft-k-abc"),
        store.root / "suites/tiny/.kdbench-draft-x",
        store.root / ".kdbench-draft-y",
        temporary / ".kdbench-draft-temporary-abc",
    ]
    others = [store.trial_folder(".git"), temporary / "kdbench-of-a-user", temporary / ".draft-of-another-program"]
    for folder in (*left, *others):
        folder.mkdir(parents=True)
    with store.new_trial("k") as mine, temporary_folder() as scratch:
        store.prepare()
        assert all(folder.exists() for folder in (mine, scratch, *others))
        assert not any(folder.exists() for folder in left)


def test_records_come_back_as_they_were(tmp_path: Path) -> None:
    store = Store(tmp_path)
    results = make_results(Shape())
    store.write_run(results.run)
    assert store.latest_run(results.run.name) == results.run
    for record in results.records.values():
        fill(store, record.key, record.model_dump_json())
        assert store.read_trial(record.key) == record


EVERYTHING = Shape(seeds=1, throughput=True, conditions=("noise",), variants=("fp32", "fp16"), joules=0.001)


def test_what_follows_training_comes_back_as_it_was(tmp_path: Path) -> None:
    store, results = Store(tmp_path), make_results(EVERYTHING)
    kinds: tuple[tuple[str, type[Stored], Iterable[Stored]], ...] = (
        (Store.LATENCY, LatencyRecord, results.latencies),
        (Store.THROUGHPUT, ThroughputRecord, results.throughputs),
        (Store.EVALUATIONS, EvaluationRecord, results.evaluations.values()),
    )
    for folder, kind, records in kinds:
        assert records
        for number, record in enumerate(records):
            key = record.key if isinstance(record, Keyed) else str(number)
            assert not store.has(folder, key)
            assert store.read(folder, key, kind) is None
            store.write(folder, key, record)
            assert store.has(folder, key)
            assert store.read(folder, key, kind) == record


def test_an_artifact_is_its_record_and_its_file(tmp_path: Path) -> None:
    store = Store(tmp_path)
    record = next(iter(make_results().artifacts.values()))
    assert not store.has_artifact(record.key)
    with store.new_artifact(record.key) as folder:
        (folder / Store.ARTIFACT).write_text(record.model_dump_json())
        (folder / Store.ONNX).write_bytes(b"onnx")
    assert store.is_exported(record.key)
    assert store.onnx(record.key).read_bytes() == b"onnx"
    store.onnx(record.key).unlink()
    assert not store.is_exported(record.key)
    assert store.has_artifact(record.key)
    assert store.read_artifact(record.key) == record


def test_the_last_run_counts(tmp_path: Path) -> None:
    store = Store(tmp_path)
    run = make_results(Shape()).run
    for run_id in ("20260101T000000Z-aa", "20260102T000000Z-aa", "20251231T000000Z-ff"):
        store.write_run(run.model_copy(update={"run_id": run_id}))
    assert store.latest_run(run.name).run_id == "20260102T000000Z-aa"


def test_runs_of_parts_are_listed_and_never_the_last_of_the_whole(tmp_path: Path) -> None:
    store = Store(tmp_path)
    run = make_results(Shape()).run
    kept = [("b", run.name), ("c", f"{run.name}@seeds=2"), ("a", f"{run.name}@losses=kd"), ("d", f"{run.name}2")]
    for run_id, name in kept:
        store.write_run(run.model_copy(update={"run_id": run_id, "name": name}))
    assert store.latest_run(run.name).run_id == "b"
    assert list(store.run_ids(run.name).items()) == sorted(kept[:3])
    found = store.read_run(f"{run.name}@seeds=2", "c")
    assert (found.run_id, found.part) == ("c", "seeds=2")


def test_an_empty_folder_is_no_suite(tmp_path: Path) -> None:
    """A run that was killed at its last write must not make its suite unrunnable."""
    (tmp_path / "suites" / "tiny").mkdir(parents=True)
    assert Store(tmp_path).suites() == ()


def test_no_results_is_told_with_what_there_is(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_run(make_results(Shape()).run)
    with pytest.raises(UserError, match=r"no results of suite 'other'.*\n.*suites with results: "):
        store.latest_run("other")
    with pytest.raises(UserError, match=r"run it first: kdbench run 'my suites/other.toml'; "):
        store.latest_run("other", "my suites/other.toml")


@pytest.mark.parametrize("name", ["../x", "..", "a/b", "", "x" * 300, "a\0b"])
def test_no_name_leads_out_of_the_store(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path)
    with pytest.raises(UserError, match="is no name of a record"):
        store.has_trial(name)
    with pytest.raises(UserError, match="is no name of a record"):
        store.read(Store.LATENCY, name, LatencyRecord)
    with pytest.raises(UserError, match="no results of suite"):
        store.latest_run(name)


def test_a_run_under_another_name_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_run(run := make_results().run)
    (tmp_path / "suites" / run.name).rename(tmp_path / "suites" / "other")
    with pytest.raises(UserError, match=f"is not where it belongs: it is the run {run.run_id} of 'example'"):
        store.latest_run("other")


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert sha256_of(tmp_path / "x") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
