"""Faults at the changes that this process makes to the files of a folder: it dies there, or the system refuses one.

Changes are seen by an audit hook, as Python calls it for every file that is opened to be written, made, renamed or
removed, whichever library does it. What native code writes is not seen.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "os.fsync")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Death(BaseException):
    """The process died: nothing that follows changes a file of the folder."""


@dataclass
class Faults:
    """A fault at the change of this number (the first is 1), and where it `lasts` at all that follow.

    `number` is the system's error; none: the process dies. At 0 nothing happens, and changes are counted.
    """

    folder: Path
    at: int = 0
    number: int | None = None
    lasts: bool = False
    seen: list[str] = field(default_factory=list)

    def hear(self, event: str, path: str) -> None:
        self.seen.append(f"{event} {path}")
        if len(self.seen) == self.at or (self.at and self.lasts and len(self.seen) > self.at):
            if self.number is None:
                raise Death
            raise OSError(self.number, os.strerror(self.number), path)

    @property
    def happened(self) -> bool:
        return 0 < self.at <= len(self.seen)


@contextmanager
def faults(given: Faults) -> Iterator[Faults]:
    """Have them happen in this block."""
    _hook_once()
    sync = os.fsync

    def audited(handle: int) -> None:
        _hook("os.fsync", (str(Path(f"/proc/self/fd/{handle}").readlink()),))
        sync(handle)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", audited)
        _active.append(given)
        try:
            yield given
        finally:
            _active.clear()


_active: list[Faults] = []


@cache
def _hook_once() -> None:
    """It cannot be taken away again."""
    sys.addaudithook(_hook)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _active:
        return
    given = _active[0]
    changes = event in CHANGES or (event == "open" and arguments[2] & WRITES)
    if changes and isinstance(arguments[0], str | bytes | os.PathLike):
        path = os.fsdecode(arguments[0])
        if path.startswith(str(given.folder)):
            given.hear(event, path)
