"""Suites that tests of this folder run: in a folder, in this process, with all events heard."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from kdbench import api
from kdbench.deploy.export.export import hash_state
from kdbench.execute.events import Planned, RunEvent
from kdbench.execute.run import run_suite
from kdbench.execute.workers.executors import Inline
from kdbench.execute.workers.job import Job
from kdbench.execute.workers.place import Place
from kdbench.results import RunRecord, Store
from kdbench.spec import Gate, Record, Suite


def place(root: Path, **changes: object) -> Place:
    content: dict[str, object] = {"store": Store(root), "executor": Inline(), "data_root": root / "data"}
    return Place(**{**content, **changes})  # type: ignore[arg-type]


def run(
    suite: Suite,
    where: Place,
    *,
    retry: bool = False,
    train_more: bool = True,
    gates: tuple[Gate, ...] | None = None,
) -> tuple[RunRecord, list[RunEvent]]:
    """The record of a run, and what was heard of it but for its plans."""
    heard: list[RunEvent] = []
    record = api.drain(run_suite(suite, where, retry=retry, train_more=train_more, gates=gates), heard.append)
    return record, [event for event in heard if not isinstance(event, Planned)]


def put_weights(store: Store, key: str, state: dict[str, Tensor]) -> None:
    """Other weights of a trial, as if it had been trained to them."""
    save_file(state, store.weights(key))
    record = store.read_trial(key).model_copy(update={"weights_sha256": hash_state(state)})
    (store.trial_folder(key) / Store.TRIAL).write_text(record.model_dump_json())


def put_onnx(store: Store, key: str, content: bytes) -> None:
    """Another file of an artifact, as if it had been exported so."""
    store.onnx(key).write_bytes(content)
    record = store.read_artifact(key)
    facts = record.model.model_copy(update={"onnx_sha256": hashlib.sha256(content).hexdigest()})
    record = record.model_copy(update={"model": facts})
    (store.artifact_folder(key) / Store.ARTIFACT).write_text(record.model_dump_json())


class Scripted:
    """An executor whose jobs are answered by a function; it remembers what it was asked."""

    workers = 1

    def __init__(self, answer: Callable[[Any], Iterable[Record]]) -> None:
        self.answer = answer
        self.asked: list[Any] = []

    def map(self, jobs: Sequence[Job[Any]], at_once: int | None = None) -> Iterator[tuple[int, Any]]:
        for position, job in enumerate(jobs):
            self.asked.append(job)
            for said in self.answer(job):
                yield position, said

    def all(self, kind: type[Job[Any]]) -> list[Any]:
        """The jobs of this kind that it was asked."""
        return [job for job in self.asked if isinstance(job, kind)]

    def close(self) -> None:
        pass
