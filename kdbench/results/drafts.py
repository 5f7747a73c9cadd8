"""Files and folders that are being written: hidden, and locked, so that those of processes that died are known."""

import fcntl
import glob
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

PREFIX = ".kdbench-draft-"  # it may lie in folders that hold files of other programs


def draft_folder(parent: Path, name: str) -> AbstractContextManager[Path]:
    """A folder to fill and rename; at the end of the block it is removed, where it is still there."""
    return _draft(lambda: tempfile.mkdtemp(prefix=f"{PREFIX}{name}-", dir=parent))


def draft_file(parent: Path, name: str) -> AbstractContextManager[Path]:
    """An empty file to fill and rename, likewise."""

    def make() -> str:
        handle, path = tempfile.mkstemp(prefix=f"{PREFIX}{name}-", dir=parent)
        os.close(handle)
        return path

    return _draft(make)


def temporary_folder() -> AbstractContextManager[Path]:
    """One that is gone at the end of the block or, where its process dies before, when the next run begins."""
    return draft_folder(Path(tempfile.gettempdir()), "temporary")


def dead_drafts(parent: Path, name: str = "") -> Iterator[Path]:
    """The drafts of processes that died, whatever they were to be called or of this name alone.

    One that a loop has in its hand is nobody else's.
    """
    for path in sorted(parent.glob(f"{PREFIX}{glob.escape(name)}*")):
        with suppress(OSError), _opened(path) as handle:  # that of a process which lives, or of another user
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield path


def remove_dead(parent: Path, name: str = "") -> None:
    """Remove the drafts of processes that died."""
    for path in dead_drafts(parent, name):
        _remove(path)


@contextmanager
def _draft(make: Callable[[], str]) -> Iterator[Path]:
    path = Path(make())
    with _opened(path) as handle:
        with suppress(OSError):  # a file system without locks: then nobody can take it for a dead one's
            fcntl.flock(handle, fcntl.LOCK_SH)
        if path.exists():
            try:
                yield path
            finally:
                _remove(path)
            return
    with _draft(make) as path:  # it was found before it was locked
        yield path


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """For a lock, which the kernel takes away where this process dies."""
    handle = os.open(path, os.O_RDONLY)
    try:
        yield handle
    finally:
        os.close(handle)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
