"""The cache of teacher outputs: filled once by whoever needs it, trusted only as far as its hashes, within its limit."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdbench.results import output_cache
from kdbench.results.output_cache import BLOCK, CacheFolder, CacheFull, OutputCache, Values

SAMPLES = 2 * BLOCK + 40  # three blocks, the last one short
WIDTHS = {"logits": 3}
BOTH = {"logits": 3, "layer.embedding": 5}
MANY = 10**9


class Teacher:
    """Something to compute: values that tell slot, sample and kind apart, and which blocks were asked for."""

    def __init__(self, widths: Mapping[str, int] = WIDTHS, offset: float = 0.0) -> None:
        self.widths, self.offset = widths, offset
        self.asked: list[tuple[int, int]] = []

    def __call__(self, slot: int, samples: slice) -> tuple[dict[str, Values], float]:
        self.asked.append((slot, samples.start // BLOCK))
        return {name: self.says(name, slot)[samples] for name in self.widths}, 0.001

    def says(self, name: str, slot: int, samples: int = SAMPLES) -> Values:
        columns = np.arange(self.widths[name]) + len(name)
        return (self.offset + 1000 * slot + np.arange(samples)[:, None] + columns / 8).astype(np.float32)


@contextmanager
def opened(
    root: Path, slots: int = 1, widths: Mapping[str, int] = WIDTHS, key: str = "one", limit: int = MANY
) -> Iterator[OutputCache]:
    cache = CacheFolder(root, limit).open(key, {"teacher": key}, SAMPLES, widths, slots)
    try:
        yield cache
    finally:
        cache.close()


def fill(root: Path, slots: int = 1, widths: Mapping[str, int] = WIDTHS, key: str = "one") -> Teacher:
    """Ensure all slots, and check what is then there; which blocks were asked for is in the teacher returned."""
    teacher = Teacher(widths)
    with opened(root, slots, widths, key) as cache:
        cache.ensure(range(slots), teacher)
        for name in widths:
            for slot in range(slots):
                assert np.array_equal(cache.values(name)[slot], teacher.says(name, slot))
        assert cache.computed == len(teacher.asked)
    return teacher


def blocks(*slots: int) -> list[tuple[int, int]]:
    return [(slot, block) for slot in slots for block in range(3)]


def flip(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))


def test_it_is_filled_and_read_back(tmp_path: Path) -> None:
    assert fill(tmp_path, slots=2).asked == blocks(0, 1)
    assert fill(tmp_path, slots=2).asked == []
    assert json.loads((tmp_path / "one" / "about.json").read_text()) == {"teacher": "one"}


def test_only_the_slots_that_are_asked_for_are_computed(tmp_path: Path) -> None:
    teacher = Teacher()
    with opened(tmp_path, slots=4) as cache:
        cache.ensure([2], teacher)
        assert teacher.asked == blocks(2)
        cache.ensure([2, 0], teacher)
        assert teacher.asked == blocks(2, 0)
    assert fill(tmp_path, slots=4).asked == blocks(1, 3)


@given(st.lists(st.lists(st.integers(0, 4), max_size=4), max_size=5))
@settings(max_examples=25, deadline=None)
def test_every_block_is_computed_once_in_whatever_order_it_is_asked_for(
    tmp_path_factory: pytest.TempPathFactory, visits: list[list[int]]
) -> None:
    root = tmp_path_factory.mktemp("cache")
    teacher = Teacher()
    for visit in visits:
        with opened(root, slots=5) as cache:
            cache.ensure(visit, teacher)
            for slot in visit:
                assert np.array_equal(cache.values("logits")[slot], teacher.says("logits", slot))
    assert sorted(teacher.asked) == blocks(*sorted({slot for visit in visits for slot in visit}))


def offset_of(slot: int, sample: int, width: int = 3) -> int:
    return 4 * width * (slot * SAMPLES + sample) + 5


@pytest.mark.parametrize(("slot", "sample"), [(0, 0), (1, BLOCK), (1, SAMPLES - 1)])
def test_a_damaged_byte_costs_its_block_and_no_other(tmp_path: Path, slot: int, sample: int) -> None:
    fill(tmp_path, slots=2)
    flip(tmp_path / "one" / "logits.f32", offset_of(slot, sample))
    assert fill(tmp_path, slots=2).asked == [(slot, sample // BLOCK)]
    assert fill(tmp_path, slots=2).asked == []


def test_a_damaged_hash_costs_its_block(tmp_path: Path) -> None:
    fill(tmp_path)
    flip(tmp_path / "one" / "logits.hashes", 8)
    assert fill(tmp_path).asked == [(0, 1)]


def test_a_block_without_a_hash_is_half_written(tmp_path: Path) -> None:
    fill(tmp_path)
    with (tmp_path / "one" / "logits.hashes").open("r+b") as file:
        file.seek(16)
        file.write(bytes(8))
    assert fill(tmp_path).asked == [(0, 2)]


def test_what_was_cut_off_is_computed_again(tmp_path: Path) -> None:
    fill(tmp_path, slots=2)
    os.truncate(tmp_path / "one" / "logits.f32", offset_of(1, BLOCK))
    assert fill(tmp_path, slots=2).asked == [(1, 1), (1, 2)]


def test_a_block_of_zeros_is_not_taken_for_one_that_is_there(tmp_path: Path) -> None:
    asked = []

    def nothing(slot: int, samples: slice) -> tuple[dict[str, Values], float]:
        asked.append(samples.start // BLOCK)
        return {"logits": np.zeros((samples.stop - samples.start, 3), np.float32)}, 0.001

    for _ in range(2):
        with opened(tmp_path) as cache:
            cache.ensure([0], nothing)
    assert asked == [0, 1, 2]


def test_a_compute_that_fails_leaves_nothing_to_be_trusted(tmp_path: Path) -> None:
    def fails(slot: int, samples: slice) -> dict[str, Values]:
        if samples.start:
            raise RuntimeError("out of memory")
        return Teacher()(slot, samples)

    with opened(tmp_path) as cache, pytest.raises(RuntimeError):
        cache.ensure([0], fails)
    assert fill(tmp_path).asked == [(0, 1), (0, 2)]


def test_a_cache_that_lies_under_another_key_is_not_believed(tmp_path: Path) -> None:
    fill(tmp_path, key="one")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    assert fill(tmp_path, key="two").asked == blocks(0)
    assert json.loads((tmp_path / "two" / "about.json").read_text()) == {"teacher": "two"}


def test_more_slots_keep_what_is_there(tmp_path: Path) -> None:
    fill(tmp_path, slots=2)
    assert fill(tmp_path, slots=4).asked == blocks(2, 3)
    assert fill(tmp_path, slots=2).asked == []  # and fewer look at their part
    assert fill(tmp_path, slots=4).asked == []


def test_a_cache_may_grow_while_another_process_looks_at_its_part(tmp_path: Path) -> None:
    with opened(tmp_path, slots=2) as small:
        small.ensure([0], Teacher())
        assert fill(tmp_path, slots=4).asked == blocks(1, 2, 3)
        late = Teacher()
        small.ensure([0, 1], late)
        assert late.asked == []


def test_a_new_kind_of_output_keeps_the_others_as_they_are(tmp_path: Path) -> None:
    fill(tmp_path, slots=2)
    stamp = (tmp_path / "one" / "logits.f32").read_bytes()
    other = Teacher(BOTH, offset=0.5)  # a device that does not give the same bits again
    with opened(tmp_path, slots=2, widths=BOTH) as cache:
        cache.ensure([1], other)
        assert other.asked == blocks(1)
        assert np.array_equal(cache.values("logits")[1], Teacher().says("logits", 1))
        assert np.array_equal(cache.values("layer.embedding")[1], other.says("layer.embedding", 1))
    assert (tmp_path / "one" / "logits.f32").read_bytes() == stamp
    assert fill(tmp_path, slots=2).asked == []


def test_what_an_output_costs_is_remembered(tmp_path: Path) -> None:
    def slow(slot: int, samples: slice) -> tuple[dict[str, Values], float]:
        return Teacher()(slot, samples)[0], 0.25

    with opened(tmp_path, slots=3) as cache:
        assert cache.seconds_per_sample == 0
        cache.ensure([1], slow)
        first = cache.seconds_per_sample
        assert first * SAMPLES == pytest.approx(3 * 0.25)  # three blocks, whatever their size
    with opened(tmp_path, slots=3) as cache:
        assert cache.seconds_per_sample == first


# In processes of their own


FILLER = """
import sys, time
from pathlib import Path
from tests.results.test_output_cache import SAMPLES, Teacher, opened

teacher, pause = Teacher(), float(sys.argv[2])

def compute(slot, samples):
    print(slot, samples.start // 256, flush=True)
    time.sleep(pause)
    return teacher(slot, samples)

with opened(Path(sys.argv[1]), slots=3) as cache:
    print("ready", flush=True)
    sys.stdin.readline()
    cache.ensure(range(3), compute)
    sys.stdin.readline()
"""


def start(root: Path, *pauses: float) -> list[subprocess.Popen[str]]:
    """Processes that have the cache open and fill it once they are told."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", FILLER, str(root), str(pause)],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for pause in pauses
    ]
    assert [line_of(process) for process in processes] == ["ready"] * len(pauses)
    return processes


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def tell(process: subprocess.Popen[str], text: str = "go\n") -> None:
    assert process.stdin
    process.stdin.write(text)
    process.stdin.flush()


def test_processes_at_once_share_the_work(tmp_path: Path) -> None:
    processes = start(tmp_path, 0.2, 0.2)
    for process in processes:
        tell(process)
    lines = [process.communicate("\n")[0].splitlines() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sorted(lines[0] + lines[1]) == sorted(f"{slot} {block}" for slot, block in blocks(0, 1, 2))
    assert all(lines)  # neither waited for the other to do it all
    assert fill(tmp_path, slots=3).asked == []


def test_a_process_killed_at_its_block_blocks_nobody(tmp_path: Path) -> None:
    (process,) = start(tmp_path, 600)
    tell(process)
    assert line_of(process) == "0 0"  # it holds the block from here on
    teacher = Teacher()
    with opened(tmp_path, slots=3) as cache, cache._locked(0, wait=False) as ours:
        assert not ours
    process.kill()
    process.communicate()
    began = time.monotonic()
    with opened(tmp_path, slots=3) as cache:
        cache.ensure([0], teacher)
    assert teacher.asked == blocks(0)
    assert time.monotonic() - began < 60  # of the 600 s for which the block was held


def test_who_waits_for_a_block_does_it_where_its_owner_dies(tmp_path: Path) -> None:
    owner, waiter = start(tmp_path, 600, 0)
    tell(owner)
    assert line_of(owner) == "0 0"
    tell(waiter)
    assert [line_of(waiter) for _ in range(2)] == ["0 1", "0 2"]  # all but the owner's
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    assert waiter.communicate("\n", timeout=120)[0].split("\n")[0] == "0 0"
    assert waiter.returncode == 0


# The limit, and the disk


def size(slots: int = 1, width: int = 3) -> int:
    return 4 * slots * SAMPLES * width


def used(root: Path, key: str, at: float) -> None:
    os.utime(root / key / "lock", (at, at))


def test_what_exceeds_the_limit_is_refused_with_both_figures(tmp_path: Path) -> None:
    with pytest.raises(CacheFull, match=r"it needs 6\.6 MB, and the limit is 1\.0 MB"):
        CacheFolder(tmp_path, 10**6).open("one", {}, SAMPLES, WIDTHS, slots=1000)
    assert not (tmp_path / "one").exists()


def test_the_least_recently_used_gives_way(tmp_path: Path) -> None:
    for key, at in (("old", 100), ("older", 50), ("new", 200)):
        fill(tmp_path, key=key)
        used(tmp_path, key, at)
    room = 4 * size() + 3000  # hashes, descriptions and the like are counted where they are there
    with opened(tmp_path, key="one", slots=2, limit=room):
        assert {p.name for p in tmp_path.iterdir() if p.is_dir()} == {"old", "new", "one"}
    with opened(tmp_path, key="two", slots=1, limit=room):
        assert {p.name for p in tmp_path.iterdir() if p.is_dir()} == {"new", "one", "two"}


def test_opening_is_using(tmp_path: Path) -> None:
    for key, at in (("a", 50), ("b", 100)):
        fill(tmp_path, key=key)
        used(tmp_path, key, at)
    with opened(tmp_path, key="a"):
        pass
    with opened(tmp_path, key="c", limit=2 * size() + 1500):
        assert not (tmp_path / "b").exists()
        assert (tmp_path / "a").exists()


def test_what_is_in_use_is_not_evicted(tmp_path: Path) -> None:
    with opened(tmp_path, key="one", slots=2) as first:
        used(tmp_path, "one", 1)
        with pytest.raises(CacheFull, match=r"needs 0\.0 MB, and others in use leave 0\.0 MB of the limit of 0\.0 MB"):
            CacheFolder(tmp_path, size(3)).open("two", {}, SAMPLES, WIDTHS, slots=2)
        teacher = Teacher()
        first.ensure([0, 1], teacher)
        assert np.array_equal(first.values("logits")[1], teacher.says("logits", 1))
    with opened(tmp_path, key="two", slots=2, limit=size(3)):
        assert not (tmp_path / "one").exists()


def test_a_process_that_has_it_open_keeps_it(tmp_path: Path) -> None:
    (process,) = start(tmp_path, 0)
    with pytest.raises(CacheFull, match="others in use"):
        CacheFolder(tmp_path, size(4)).open("two", {}, SAMPLES, WIDTHS, slots=2)
    process.kill()
    process.communicate()
    with opened(tmp_path, key="two", slots=2, limit=size(4)):
        assert not (tmp_path / "one").exists()


def test_what_a_process_left_that_died_while_evicting_is_removed(tmp_path: Path) -> None:
    fill(tmp_path, slots=2)
    (tmp_path / "one" / "lock").unlink()
    with opened(tmp_path, key="two", slots=2, limit=size(3)):
        assert not (tmp_path / "one").exists()


def test_other_kinds_of_output_in_the_folder_count(tmp_path: Path) -> None:
    fill(tmp_path, widths=BOTH)
    fill(tmp_path, key="two")
    used(tmp_path, "two", 1)
    with opened(tmp_path, limit=size(1, 8) + size() - 1):  # asks for the logits alone
        assert not (tmp_path / "two").exists()


def test_a_lower_limit_makes_a_cache_smaller(tmp_path: Path) -> None:
    fill(tmp_path, slots=4)
    with opened(tmp_path, slots=2, limit=size(3)) as cache:
        assert (tmp_path / "one" / "logits.f32").stat().st_size == size(2)
        teacher = Teacher()
        cache.ensure([0], teacher)
        assert teacher.asked == blocks(0)


class Free:
    def __init__(self, free: int) -> None:
        self.free = free


def test_a_disk_without_room_is_told_and_evicts_nothing_in_vain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, key="old")
    monkeypatch.setattr(output_cache.shutil, "disk_usage", lambda _: Free(1000))
    with pytest.raises(CacheFull, match=r"it needs 66\.2 MB, and the disk has 0\.0 MB left"):
        CacheFolder(tmp_path, MANY).open("one", {}, SAMPLES, WIDTHS, slots=10_000)
    assert (tmp_path / "old").exists()
    with opened(tmp_path, key="one"):  # where it helps, the old gives way to the disk as well
        assert not (tmp_path / "old").exists()


def disk_full(monkeypatch: pytest.MonkeyPatch, after: int) -> Callable[[], None]:
    """From the call after so many on, a file that grows takes half of what it wants and fails."""
    real, calls = os.posix_fallocate, [0]

    def fails(file: int, start: int, length: int) -> None:
        calls[0] += 1
        if calls[0] > after:
            real(file, start, length // 2)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(file, start, length)

    monkeypatch.setattr(output_cache.os, "posix_fallocate", fails)
    return lambda: monkeypatch.setattr(output_cache.os, "posix_fallocate", real)


@pytest.mark.parametrize("error", [None, errno.EOPNOTSUPP, errno.EINVAL], ids=["macOS", "musl", "musl on NFS"])
def test_a_system_that_cannot_reserve_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int | None) -> None:
    def refuse(file: int, start: int, length: int) -> None:
        assert error
        raise OSError(error, os.strerror(error))

    if error:
        monkeypatch.setattr(output_cache.os, "posix_fallocate", refuse)
    else:
        monkeypatch.delattr(output_cache.os, "posix_fallocate", raising=False)
    assert fill(tmp_path, slots=2).asked == blocks(0, 1)
    assert fill(tmp_path, slots=2).asked == []


def test_a_file_system_without_locks_has_no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(file: object, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(output_cache.fcntl, "flock", refuse)
    with pytest.raises(CacheFull, match="No locks available"):
        CacheFolder(tmp_path, MANY).open("one", {}, SAMPLES, WIDTHS, slots=1)
    with pytest.raises(CacheFull, match="No locks available"):
        CacheFolder(tmp_path, MANY).check(SAMPLES, WIDTHS, slots=1)


@pytest.mark.parametrize("after", range(5))
def test_a_disk_that_fills_up_leaves_nothing_of_a_new_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    mend = disk_full(monkeypatch, after)
    with pytest.raises(CacheFull, match=r"needs 0\.0 MB in '.*one': No space left on device"):
        CacheFolder(tmp_path, MANY).open("one", {}, SAMPLES, BOTH, slots=1)
    assert not (tmp_path / "one").exists()
    mend()
    assert fill(tmp_path, widths=BOTH).asked == blocks(0)


@pytest.mark.parametrize("after", range(3))
def test_a_disk_that_fills_up_keeps_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    fill(tmp_path, slots=2)
    mend = disk_full(monkeypatch, after)
    with pytest.raises(CacheFull, match="No space left on device"):
        CacheFolder(tmp_path, MANY).open("one", {}, SAMPLES, WIDTHS, slots=4)
    if after == 0:
        assert (tmp_path / "one" / "logits.f32").stat().st_size == size(2)  # what it took is given back
    assert fill(tmp_path, slots=2).asked == []
    mend()
    assert fill(tmp_path, slots=4).asked == blocks(2, 3)


def test_what_can_have_no_room_is_known_without_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, key="old")
    CacheFolder(tmp_path, size(1)).check(SAMPLES, WIDTHS, slots=1)
    with pytest.raises(CacheFull, match=r"it needs 0\.0 MB, and the limit is 0\.0 MB"):
        CacheFolder(tmp_path, size(1)).check(SAMPLES, WIDTHS, slots=2)
    monkeypatch.setattr(output_cache.shutil, "disk_usage", lambda _: Free(0))
    CacheFolder(tmp_path, MANY).check(SAMPLES, WIDTHS, slots=1)  # the old one would give way
    with pytest.raises(CacheFull, match=r"it needs 0\.0 MB, and the disk has 0\.0 MB left"):
        CacheFolder(tmp_path, MANY).check(SAMPLES, WIDTHS, slots=2)
    assert (tmp_path / "old").exists()


def test_a_folder_that_cannot_be_written_is_no_room(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CacheFull, match=r"it needs 0\.0 MB in '.*one': Not a directory|File exists"):
        CacheFolder(tmp_path / "file", MANY).open("one", {}, SAMPLES, WIDTHS, slots=1)
