"""What a teacher said about views of training samples, kept on disk and shared by losses, seeds, processes and suites.

A cache is a folder of memory-mapped arrays, [slots, samples, width] float32, one for each kind of output. It is filled
in blocks of samples: always the same samples in the same order, so that a value does not depend on who asked first.
Every block has a hash; what is damaged, half-written or missing is computed again.
"""

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK = 256  # samples computed at once

Values = NDArray[np.float32]
Compute = Callable[[int, slice], Mapping[str, Values]]


class CacheFull(Exception):
    """A cache does not fit: into its limit, or on the disk."""


@dataclass(frozen=True)
class CacheFolder:
    """All caches of a results folder; together at most `limit` bytes, the least recently used giving way."""

    root: Path
    limit: int

    def open(
        self, key: str, about: Mapping[str, object], samples: int, widths: Mapping[str, int], slots: int
    ) -> "OutputCache":
        """The cache of that name with room for `slots` views of each sample. Raises `CacheFull`, saying what it needs.

        `widths` holds the values per sample of each kind of output; `about` is written beside them for people to read.
        """
        needed = 4 * slots * samples * sum(widths.values())
        self._make_room(key, needed)
        folder = self.root / key
        try:
            return _open(folder, about, samples, widths, slots)
        except FileNotFoundError:  # another process evicted it between two of our steps
            return _open(folder, about, samples, widths, slots)
        except OSError as error:
            raise CacheFull(f"it needs {_megabytes(needed)} in '{folder}': {error.strerror}") from error

    def _make_room(self, key: str, needed: int) -> None:
        if needed > self.limit:
            raise CacheFull(f"it needs {_megabytes(needed)}, and the limit is {_megabytes(self.limit)}")
        others = sorted((p for p in self.root.glob("*") if p.name != key and p.is_dir()), key=_last_used)
        taken = {folder: _bytes_of(folder) for folder in others}
        free = shutil.disk_usage(_existing(self.root)).free + _bytes_of(self.root / key)
        for folder in others:
            if sum(taken.values()) + needed <= self.limit and needed <= free:
                return
            if _remove_unused(folder):
                free += taken.pop(folder)
        if needed > free:
            raise CacheFull(f"it needs {_megabytes(needed)}, and the disk has {_megabytes(free)} left")
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
        self._locks = (folder / "lock").open("a+b")
        fcntl.flock(self._locks, fcntl.LOCK_SH)  # in use: nobody evicts it
        os.utime(folder / "lock")
        with self._locked(0):
            self._values = {
                name: _map(folder / f"{name}.f32", np.float32, (slots, samples, w)) for name, w in widths.items()
            }
            shape = (slots, self.blocks)
            self._hashes = {name: _map(folder / f"{name}.hashes", np.uint64, shape) for name in widths}
            self._seconds = _map(folder / "seconds", np.float32, shape)
        self._sound: set[int] = set()  # slots found whole

    def values(self, name: str) -> Values:
        """The outputs [slots, samples, width] of one kind; those of slots that were never ensured may be anything."""
        return self._values[name]

    def ensure(self, slots: Iterable[int], compute: Compute) -> None:
        """Fill what these slots lack. Processes that do so at once share the work: each block is computed by one.

        `compute(slot, samples)` gives the outputs [B, width] of every kind for a slice of samples.
        """
        for slot in slots:
            if slot in self._sound:
                continue
            missing = [block for block in range(self.blocks) if not self._is_sound(slot, block)]
            left = [block for block in missing if not self._fill(slot, block, compute, wait=False)]
            for block in left:  # another process has them in work; should it have died, they fall to us
                self._fill(slot, block, compute, wait=True)
            self._sound.add(slot)

    @property
    def seconds_per_sample(self) -> float:
        """What computing an output has taken, over all blocks that are there."""
        filled = self._seconds > 0
        counts = np.full(self.blocks, BLOCK)
        counts[-1] = self.samples - BLOCK * (self.blocks - 1)
        return float(self._seconds[filled].sum() / max(1, (filled * counts).sum()))

    def close(self) -> None:
        """No longer in use."""
        self._locks.close()

    def _fill(self, slot: int, block: int, compute: Compute, wait: bool) -> bool:
        with self._locked(1 + slot * self.blocks + block, wait) as ours:
            if ours and not self._is_sound(slot, block):
                samples = self._samples(block)
                began = time.perf_counter()
                found = compute(slot, samples)
                self._seconds[slot, block] = time.perf_counter() - began
                for name, values in found.items():
                    self._values[name][slot, samples] = values
                    self._hashes[name][slot, block] = self._hash(name, slot, block)
                self.computed += 1
            return ours

    def _is_sound(self, slot: int, block: int) -> bool:
        return all(
            noted[slot, block] and noted[slot, block] == self._hash(name, slot, block)
            for name, noted in self._hashes.items()
        )

    def _hash(self, name: str, slot: int, block: int) -> int:
        """Never 0, which stands for a block that is not there."""
        data = self._values[name][slot, self._samples(block)]
        return int.from_bytes(hashlib.blake2b(data.tobytes(), digest_size=8).digest(), "little") or 1

    def _samples(self, block: int) -> slice:
        return slice(block * BLOCK, min(self.samples, (block + 1) * BLOCK))

    @contextmanager
    def _locked(self, byte: int, wait: bool = True) -> Iterator[bool]:
        """Hold one byte of the lock file: the kernel lets go of it should this process die."""
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
    folder.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError), (folder / "about.json").open("x") as file:
        json.dump(about, file, indent=1)
    return OutputCache(folder, samples, widths, slots)


def _map(path: Path, dtype: type, shape: tuple[int, ...]) -> NDArray[Any]:
    """A file as an array, grown where it is too small. Its place on the disk is taken now, not at the first write."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    with path.open("a+b") as file:
        have = file.seek(0, os.SEEK_END)
        if have < size:
            os.posix_fallocate(file.fileno(), have, size - have)
    return np.memmap(path, dtype, "r+", shape=shape)


def _remove_unused(folder: Path) -> bool:
    """Remove a cache, unless a process has it open."""
    try:
        with (folder / "lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
    except (FileNotFoundError, BlockingIOError):  # about to be opened, or open
        return False
    return True


def _last_used(folder: Path) -> float:
    lock = folder / "lock"
    return lock.stat().st_mtime if lock.exists() else 0.0


def _bytes_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*"))


def _existing(path: Path) -> Path:
    return next(parent for parent in (path, *path.parents) if parent.exists())


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
