"""Runs that die or whose files are refused, at each change to the store: the next run gives what an undisturbed one does.

It trains nothing again that was whole, and leaves no draft.
"""

import errno
import os
import random
import signal
import tempfile
import time
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from kdbench.spec import Suite, UserError
from tests.execute.faulty import Death, Faults, drafts, faults, figures, trained
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

KILLS = 200


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


def test_a_full_disk_ends_a_run_at_the_first_weights_that_meet_it(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []

    def fill(file: Path, _: bytes) -> None:
        written.append(file)
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(Path, "write_bytes", fill)
    with pytest.raises(OSError, match="No space left on device") as caught:
        run(suite, place(tmp_path / "results"))
    assert caught.value.filename  # a folder, where the file is not known
    assert len(written) == 1
    assert not list((tmp_path / "results/failures").glob("*"))  # it is no fault of a trial


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


def forked(suite: Suite, root: Path) -> int:
    """The number of a process that runs the suite; it has all imports, so that a run takes a second."""
    if process := os.fork():
        return process
    try:
        run(suite, place(root))
    finally:
        os._exit(0)


@pytest.mark.slow
def test_processes_that_are_killed_at_random_moments(
    suite: Suite, undisturbed: tuple[JsonValue, int], tmp_path: Path
) -> None:
    chance, root, ends = random.Random(0), tmp_path / "0", 0
    began = time.monotonic()
    os.waitpid(forked(suite, tmp_path / "whole"), 0)
    seconds = time.monotonic() - began
    for kill in range(KILLS):
        before = trained(root)
        process = forked(suite, root)
        time.sleep(chance.uniform(0, seconds))
        os.kill(process, signal.SIGKILL)
        _, status = os.waitpid(process, 0)
        assert before.items() <= trained(root).items(), kill
        if not os.WIFSIGNALED(status):
            run(suite, place(root))
            assert figures(root, suite) == undisturbed[0], kill
            assert not list(drafts(root, tmp_path / "temporary")), kill
            root, ends = tmp_path / str(kill), ends + 1
    assert ends > KILLS / 20  # runs came to their ends between the kills
