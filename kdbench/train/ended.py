"""What the training loop yields, returns, and leaves for one that goes on after an interruption."""

from dataclasses import dataclass
from typing import Literal

from torch import nn

from kdbench.results import CurvePoint, TrainingCost
from kdbench.results.stored import Raw, Sha256
from kdbench.spec import Trial
from kdbench.spec.choice import Several
from kdbench.spec.types import WholeNumber
from kdbench.zoo.interface import NotApplicable


@dataclass(frozen=True)
class EpochDone:
    """Progress: a trial has finished an epoch (0: it is about to start), with its validation accuracy."""

    trial: Trial
    epoch: int
    train_loss: float | None
    top1: float


@dataclass(frozen=True)
class Trained:
    """A trial that came to its end: the model with the selected weights, in eval mode, and how it got there."""

    trial: Trial
    model: nn.Module
    curve: tuple[CurvePoint, ...]
    selected_epoch: int
    stopped: Literal["epochs", "patience"]
    cost: TrainingCost


@dataclass(frozen=True)
class NotTrained:
    """A trial that was not trained: it diverged (failed), or its loss does not fit the pair (skipped)."""

    trial: Trial
    status: Literal["failed", "skipped"]
    reason: str
    cause: NotApplicable | None = None  # of one that was skipped


Ended = Trained | NotTrained


class Snapshot(Raw):
    """A trial at the end of an epoch, but for its tensors, whose hash it has. It lies in the metadata of their file.

    `origin` is the hash of all that the bits of a training depend on beside its trial: the data, those before it,
    torch, the machine and how the process is set up.
    """

    origin: str
    tensors_sha256: Sha256
    epoch: int
    steps: WholeNumber
    samples: WholeNumber
    curve: Several[CurvePoint]
    stopped: Literal["epochs", "patience", "diverged"] | None  # where others of its cohort went on
    diverged: str
    cost: TrainingCost  # up to here
