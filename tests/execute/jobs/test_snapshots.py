"""A run that is killed in the middle of a long training: the next one goes on from there, to the same bits."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from kdbench.execute.events import RunEvent
from kdbench.execute.jobs import snapshots
from kdbench.execute.jobs.snapshots import StoredSnapshots
from kdbench.execute.workers.messages import EpochFinished, Noted
from kdbench.results import Store
from kdbench.results.usage import usage_of
from kdbench.train.learner import Learner
from tests.execute.running import place, run
from tests.small import small_suite

UNTIMED = {"latency": {"batch_sizes": []}}
SUITE = small_suite(**UNTIMED, seeds=1, train={"epochs": 4, "batch_size": 64}, losses=["cross_entropy", "kd"])


def weights(root: Path) -> dict[str, str]:
    store = Store(root)
    return {path.name: store.read_trial(path.name).weights_sha256 for path in root.glob("trials/*")}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("undisturbed")
    run(SUITE, place(root))
    return weights(root)


@pytest.fixture
def killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store whose run left a snapshot of the student alone after epoch 2, and was killed in epoch 3."""
    monkeypatch.setattr(snapshots, "EVERY", 0.0)
    written = StoredSnapshots.write

    def write(self: StoredSnapshots, learner: Learner, cost: object) -> None:
        if learner.epoch == 3 and learner.trial.lessons[0].loss.use == "cross_entropy":
            raise KeyboardInterrupt
        written(self, learner, cost)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(StoredSnapshots, "write", write)
        with pytest.raises(KeyboardInterrupt):
            run(SUITE, place(tmp_path))
    return tmp_path


def only(root: Path) -> Path:
    [path] = (root / "snapshots").iterdir()
    return path


def notes(heard: list[RunEvent]) -> list[str]:
    return [event.text for event in heard if isinstance(event, Noted)]


def first_epoch(heard: list[RunEvent], key: str) -> int:
    return next(event.epoch for event in heard if isinstance(event, EpochFinished) and event.key == key)


def test_the_next_run_goes_on_to_the_same_bits(killed: Path, undisturbed: dict[str, str]) -> None:
    key = only(killed).stem
    assert [each.key for each in usage_of(Store(killed)).holdings if each.kind == "snapshots"] == [key]
    _, heard = run(SUITE, place(killed))
    assert first_epoch(heard, key) == 2
    assert any(text.endswith("goes on after epoch 2, where its training was interrupted") for text in notes(heard))
    assert weights(killed) == undisturbed
    assert not list((killed / "snapshots").iterdir())


def test_a_training_of_less_than_ten_minutes_leaves_none(tmp_path: Path) -> None:
    run(SUITE, place(tmp_path))
    assert not (tmp_path / "snapshots").exists()


def flip(path: Path) -> None:
    """One bit of the last tensor."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def strip(path: Path) -> None:
    """The tensors without what is told of them."""
    save_file(load_file(path), path)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


@pytest.mark.parametrize("damage", [flip, strip, cut])
def test_a_damaged_one_is_not_used(damage: object, killed: Path, undisturbed: dict[str, str]) -> None:
    damage(path := only(killed))  # type: ignore[operator]
    _, heard = run(SUITE, place(killed))
    assert first_epoch(heard, path.stem) == 0
    assert any("trained from its beginning" in text for text in notes(heard))
    assert weights(killed) == undisturbed


def test_that_of_another_trial_is_not_used(killed: Path, undisturbed: dict[str, str]) -> None:
    path = only(killed)
    other = next(key for key in sorted(undisturbed) if key != path.stem)
    path.rename(path.with_stem(other))
    _, heard = run(SUITE, place(killed))
    assert first_epoch(heard, other) == 0
    assert weights(killed) == undisturbed


def test_one_of_other_threads_is_not_used(killed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They would give other last bits. In truth it is one here: two wait for each other where a test runs beside."""
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    key = only(killed).stem
    _, heard = run(SUITE, place(killed, threads=2))
    assert first_epoch(heard, key) == 0


def test_without_room_the_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: dict[str, str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(snapshots, "EVERY", 0.0)
    monkeypatch.setattr(snapshots, "write_whole", full)
    _, heard = run(SUITE, place(tmp_path))
    assert any(text.endswith("No space left on device") for text in notes(heard))
    assert weights(tmp_path) == undisturbed


KILLED = """
import os, sys
from pathlib import Path
from kdbench.execute.jobs import snapshots
from tests.execute.jobs.test_snapshots import SUITE, place, run
snapshots.EVERY = 0.0
written = snapshots.StoredSnapshots.write
def write(self, learner, cost):
    written(self, learner, cost)
    if learner.epoch == 3:
        os.kill(os.getpid(), 9)
snapshots.StoredSnapshots.write = write
run(SUITE, place(Path(sys.argv[1])))
"""


@pytest.mark.slow
def test_another_process_goes_on_to_the_same_bits(tmp_path: Path, undisturbed: dict[str, str]) -> None:
    """Each is killed once it has trained a third epoch, so three are needed for three trials."""
    ended = [subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False).returncode for _ in range(4)]
    assert ended == [-9, -9, -9, 0]
    assert weights(tmp_path) == undisturbed
