"""Teacher outputs by view of a training sample, kept on disk and shared by losses, seeds, processes and suites.

A cache is a folder of memory-mapped arrays, [slots, samples, width] float32, one for each kind of output. It is filled
in blocks of samples: always the same samples in the same order, so that a value does not depend on which trial came
first. Every block has a hash; what is damaged, half-written or missing is computed again.
"""

import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK = 256  # samples computed at once

Values = NDArray[np.float32]
Compute = Callable[[int, slice], tuple[Mapping[str, Values], float]]


class CacheFull(Exception):
    """A cache does not fit: into its limit, or on the disk."""


@dataclass(frozen=True)
class CacheFolder:
    """All caches of a results folder; together at most `limit` bytes. The least recently used are removed first."""

    root: Path
    limit: int

    def open(
        self, key: str, about: Mapping[str, object], samples: int, widths: Mapping[str, int], slots: int
    ) -> "OutputCache":
        """The cache of that name with room for `slots` views of each sample. Raises `CacheFull` with the room it needs.

        `widths` holds the values per sample of each kind of output; `about` is written beside them for people to read.
        """
        folder = self.root / key
        asked = {name: 4 * slots * samples * width for name, width in widths.items()}
        try:
            with self._alone():
                self._make_room(folder, asked)
                return _open(folder, about, samples, widths, slots)
        except OSError as error:
            needed = _megabytes(sum(asked.values()))
            raise CacheFull(f"it needs {needed} in '{folder}': {error.strerror}") from error

    def check(self, samples: int, widths: Mapping[str, int], slots: int) -> None:
        """Raise `CacheFull` where a cache has no room even if all others are removed: known before there is a key."""
        needed = 4 * slots * samples * sum(widths.values())
        self._check_limit(needed)
        try:
            with self._alone():
                _check_disk(needed, shutil.disk_usage(self.root).free + sum(map(_bytes_of, self.root.iterdir())))
        except OSError as error:
            raise CacheFull(f"it needs {_megabytes(needed)} in '{self.root}': {error.strerror}") from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time makes room, since the limit is one for all caches."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "lock").open("a+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _check_limit(self, needed: int) -> None:
        if needed > self.limit:
            raise CacheFull(f"it needs {_megabytes(needed)}, and the limit is {_megabytes(self.limit)}")

    def _make_room(self, folder: Path, asked: Mapping[str, int]) -> None:
        needed = _bytes_with(folder, asked)
        if needed > self.limit >= sum(asked.values()) and remove_unused(folder):  # once it was allowed to be larger
            needed = sum(asked.values())
        self._check_limit(needed)
        others = sorted((p for p in self.root.iterdir() if p != folder and p.is_dir()), key=_last_used)
        taken = {other: _bytes_of(other) for other in others}
        free = shutil.disk_usage(self.root).free + _bytes_of(folder)
        hopeless = needed > free + sum(taken.values())  # then nothing is evicted
        for other in () if hopeless else others:
            if sum(taken.values()) + needed <= self.limit and needed <= free:
                return
            if remove_unused(other):
                free += taken.pop(other)
        _check_disk(needed, free)
        if sum(taken.values()) + needed > self.limit:
            raise CacheFull(
                f"it needs {_megabytes(needed)}, and others in use leave "
                f"{_megabytes(max(0, self.limit - sum(taken.values())))} of the limit of {_megabytes(self.limit)}"
            )


class OutputCache:
    """One teacher's outputs for one stream of views. Open it through `CacheFolder`; it is in use until closed."""

    def __init__(self, folder: Path, samples: int, widths: Mapping[str, int], slots: int) -> None:
        self.samples = samples
        self.slots = slots
        self.blocks = -(-samples // BLOCK)
        self.computed = 0  # blocks that this process filled
        self._key = folder.name.encode()  # part of every hash: outputs of another key are not sound here
        self._used = (folder / "lock").open("a+b")
        fcntl.flock(self._used, fcntl.LOCK_SH)  # in use: no process evicts it
        os.utime(folder / "lock")
        self._locks = (folder / "blocks").open("a+b")  # a file of its own: on NFS both kinds of lock are one
        shape = (slots, self.blocks)
        try:
            self._values = {
                name: _map(folder / f"{name}.f32", np.float32, (slots, samples, w)) for name, w in widths.items()
            }
            self._hashes = {name: _map(folder / f"{name}.hashes", np.uint64, shape) for name in widths}
            self._seconds = _map(folder / "seconds", np.float32, shape)
        except OSError:
            self.close()
            raise
        self._sound: set[int] = set()  # slots found whole

    def values(self, name: str) -> Values:
        """The outputs [slots, samples, width] of one kind; those of slots that were never ensured may be anything."""
        return self._values[name]

    def ensure(self, slots: Iterable[int], compute: Compute) -> None:
        """Fill what these slots lack. Processes that do so at the same time share the work: one computes each block.

        `compute(slot, samples)` gives the outputs [B, width] of every kind for a slice of samples, and the seconds that
        the teacher took for them.
        """
        for slot in slots:
            if slot in self._sound:
                continue
            missing = [block for block in range(self.blocks) if self._unsound(slot, block)]
            left = [block for block in missing if not self._fill(slot, block, compute, wait=False)]
            for block in left:  # another process computes them, or has died: then they are computed here
                self._fill(slot, block, compute, wait=True)
            self._sound.add(slot)

    @property
    def seconds_per_sample(self) -> float:
        """Mean time of the teacher for one output, over all blocks that are there."""
        filled = self._seconds > 0
        counts = np.full(self.blocks, BLOCK)
        counts[-1] = self.samples - BLOCK * (self.blocks - 1)
        return float(self._seconds[filled].sum() / max(1, (filled * counts).sum()))

    def close(self) -> None:
        """No longer in use."""
        self._locks.close()
        self._used.close()

    def _fill(self, slot: int, block: int, compute: Compute, wait: bool) -> bool:
        with self._locked(slot * self.blocks + block, wait) as ours:
            if ours and self._unsound(slot, block):
                samples = self._samples(block)
                found, self._seconds[slot, block] = compute(slot, samples)
                for name in self._unsound(slot, block):  # the others stay, since other processes may be reading them
                    self._values[name][slot, samples] = found[name]
                    self._hashes[name][slot, block] = self._hash(name, slot, block)
                self.computed += 1
            return ours

    def _unsound(self, slot: int, block: int) -> list[str]:
        """The kinds of output that are missing, half-written, damaged or of another key."""
        noted = {name: int(hashes[slot, block]) for name, hashes in self._hashes.items()}
        return [name for name, hash in noted.items() if not hash or hash != self._hash(name, slot, block)]

    def _hash(self, name: str, slot: int, block: int) -> int:
        """Never 0, which stands for a block that is not there."""
        data = self._values[name][slot, self._samples(block)]
        return int.from_bytes(hashlib.blake2b(data.tobytes(), digest_size=8, key=self._key).digest(), "little") or 1

    def _samples(self, block: int) -> slice:
        return slice(block * BLOCK, min(self.samples, (block + 1) * BLOCK))

    @contextmanager
    def _locked(self, byte: int, wait: bool) -> Iterator[bool]:
        """Lock one byte of the lock file. The kernel unlocks it where this process dies."""
        how = fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB
        try:
            fcntl.lockf(self._locks, how, 1, byte)
        except BlockingIOError:
            yield False
            return
        try:
            yield True
        finally:
            fcntl.lockf(self._locks, fcntl.LOCK_UN, 1, byte)


def _open(
    folder: Path, about: Mapping[str, object], samples: int, widths: Mapping[str, int], slots: int
) -> OutputCache:
    """To be called by one process at a time."""
    new = not folder.exists()
    folder.mkdir(exist_ok=True)
    try:
        (folder / "about.json").write_text(json.dumps(about, indent=1) + "\n", "utf-8")
        return OutputCache(folder, samples, widths, slots)
    except OSError:
        if new:
            shutil.rmtree(folder, ignore_errors=True)  # the disk may be needed for more than this
        raise


def _map(path: Path, dtype: type, shape: tuple[int, ...]) -> NDArray[Any]:
    """A file as an array, grown where it is too small."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    with path.open("a+b") as file:
        have = file.seek(0, os.SEEK_END)
        if have < size:
            try:
                _reserve(file.fileno(), have, size - have)
            except OSError:
                file.truncate(have)
                raise
    return np.memmap(path, dtype, "r+", shape=shape)


def _reserve(file: int, start: int, count: int) -> None:
    """Take a file's place on the disk now, not at the first write, where the system and the file system can.

    macOS has no such call, and musl does not stand in for file systems without it, as glibc does.
    """
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file, start, count)
            return
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                raise
    os.ftruncate(file, start + count)


def _check_disk(needed: int, free: int) -> None:
    if needed > free:
        raise CacheFull(f"it needs {_megabytes(needed)}, and the disk has {_megabytes(free)} left")


def remove_unused(folder: Path) -> bool:
    """Remove a cache, unless a process has it open. To be called by one process at a time."""
    if not folder.exists():
        return False
    with (folder / "lock").open("a+b") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        shutil.rmtree(folder)
    return True


def _last_used(folder: Path) -> float:
    lock = folder / "lock"
    return lock.stat().st_mtime if lock.exists() else 0.0


def _bytes_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*"))


def _bytes_with(folder: Path, asked: Mapping[str, int]) -> int:
    """What the outputs in a folder will take with room for what is asked, the kinds that are not asked included."""
    there = {path.stem: path.stat().st_size for path in folder.glob("*.f32")}
    return sum(max(there.get(name, 0), asked.get(name, 0)) for name in there.keys() | asked.keys())


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
