"""Snapshots of trials in the store: how often one is left, and which of them a training may go on from."""

import time
from pathlib import Path

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from kdbench.execute.jobs.context import Context
from kdbench.results import TrainingCost, machine_fingerprint
from kdbench.results.machine.software import source_hash
from kdbench.results.store import write_whole
from kdbench.spec import Trial
from kdbench.spec.keys import content_key
from kdbench.train.ended import Snapshot
from kdbench.train.learner import Learner
from kdbench.train.snapshots import Remembered, Tensors, put_back, remembered, sha256_of, tensors_of
from kdbench.zoo.datasets.splits import Splits

EVERY = 600.0  # seconds: shorter trainings leave none, and a longer one that is killed loses no more than these
METADATA = "snapshot"


class StoredSnapshots:
    """Those of one cohort, from when its training begins. `notes` receive what did not go as hoped."""

    def __init__(self, splits: Splits, context: Context, notes: list[str]) -> None:
        self.splits, self.context, self.notes = splits, context, notes
        self.built: dict[Learner, Remembered] = {}
        self.told: set[str] = set()
        self.began = time.monotonic()

    def restore(self, learner: Learner) -> TrainingCost | None:
        """What an interrupted training of a learner had cost, which now stands where that was left."""
        self.built[learner] = remembered(learner)
        path, label = self.context.store.snapshot(learner.trial.key), learner.trial.model.label
        if not path.is_file():
            return None
        found = _read(path)
        if found is None or found[0].origin != self._origin(learner.trial) or not put_back(learner, *found):
            self._tell(f"{label} is trained from its beginning: its snapshot is of another setting, or damaged")
            return None
        self._tell(f"{label} goes on after epoch {learner.epoch}, where its training was interrupted")
        return found[0].cost

    def due(self) -> bool:
        """Whether the last ones are old enough."""
        return time.monotonic() - self.began >= EVERY

    def write(self, learner: Learner, cost: TrainingCost) -> None:
        """Leave a learner as it is, unless a loss or a network keeps what cannot be taken along."""
        self.began = time.monotonic()
        if not self.built[learner].unchanged(learner):
            what = "its loss or its network remembers more than weights and buffers"
            self._tell(f"{learner.trial.model.label} would begin anew after an interruption: {what}")
            return
        tensors = tensors_of(learner)
        snapshot = Snapshot(
            origin=self._origin(learner.trial),
            tensors_sha256=sha256_of(tensors),
            epoch=learner.epoch,
            steps=learner.steps,
            samples=learner.samples,
            curve=tuple(learner.curve),
            stopped=learner.stopped,
            diverged=learner.diverged,
            cost=cost,
        )
        try:
            write_whole(
                self.context.store.snapshot(learner.trial.key), save(tensors, {METADATA: snapshot.model_dump_json()})
            )
        except OSError as error:  # the training itself can go on
            self._tell(f"no snapshot of {learner.trial.model.label}: {error.strerror}")

    def remove(self) -> None:
        """Remove those of trials that have ended."""
        for learner in self.built:
            self.context.store.snapshot(learner.trial.key).unlink(missing_ok=True)

    def _tell(self, text: str) -> None:
        """Once, though it is so of many."""
        if text not in self.told:
            self.told.add(text)
            self.notes.append(text)

    def _origin(self, trial: Trial) -> str:
        about = {
            "trial": trial.key,
            "parents": [self.context.store.read_trial(key).weights_sha256 for key in trial.parents],
            "data": self.splits.sha256(),
            "kdbench": source_hash(),
            "torch": torch.__version__,
            "machine": machine_fingerprint(),
            "device": self.context.device.type,
            "threads": self.context.setting.layout.threads,
            "cache": self.context.setting.cache,
        }
        return content_key(about)


def _read(path: Path) -> tuple[Snapshot, Tensors] | None:
    """A snapshot with its tensors; none where the file is damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dictionary
            return Snapshot.model_validate_json((file.metadata() or {}).get(METADATA, "")), tensors
    except (OSError, SafetensorError, ValidationError):
        return None
