"""Every trained model by itself: its curve, what it cost, and its files."""

from collections.abc import Mapping
from dataclasses import dataclass

from kdbench.results import CurvePoint, ResultSet, TrainingCost


@dataclass(frozen=True)
class DeployedFile:
    """An exported file of a trained model, or a variant made of it."""

    label: str
    key: str  # of its folder under `artifacts`
    size: int  # bytes
    sha256: str


@dataclass(frozen=True)
class TrainedModel:
    """A trial as it was recorded."""

    key: str
    curve: tuple[CurvePoint, ...]
    selected_epoch: int
    training: TrainingCost
    alone_seconds: float  # from the first initial weights on, as the tables of cost give it
    shared_seconds: float
    finished: str
    files: tuple[DeployedFile, ...]


def trained_models(results: ResultSet) -> Mapping[str, TrainedModel]:
    """The trials of the suite's rows, by key."""
    files: dict[str, list[DeployedFile]] = {}
    for artifact in results.artifacts.values():
        found = DeployedFile(artifact.label, artifact.key, artifact.model.onnx_bytes, artifact.model.onnx_sha256)
        files.setdefault(artifact.trial, []).append(found)
    return {
        entry.key: TrainedModel(
            key=entry.key,
            curve=trial.curve,
            selected_epoch=trial.record.selected_epoch,
            training=trial.training,
            alone_seconds=trial.alone_seconds,
            shared_seconds=trial.shared_seconds,
            finished=trial.record.finished,
            files=tuple(files.get(entry.key, ())),
        )
        for entry, trial in results.done
    }
