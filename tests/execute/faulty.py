"""Faults at the changes that this process makes to the files of a folder, and what they leave.

It dies there, or the system refuses one. Changes are seen by an audit hook, as Python calls it for every file that is
opened to be written, made, renamed or removed, whichever library does it. What native code writes is not seen.
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

from kdbench.results import EvaluationRecord, Store
from kdbench.spec import Suite

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


def figures(root: Path, suite: Suite) -> dict[str, object]:
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


def drafts(*folders: Path) -> Iterator[Path]:
    return (path for folder in folders for path in folder.rglob(".kdbench-draft*"))
