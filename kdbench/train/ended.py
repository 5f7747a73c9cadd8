"""What the training loop yields and returns."""

from dataclasses import dataclass
from typing import Literal

from torch import nn

from kdbench.results import CurvePoint, TrainingCost
from kdbench.spec import Trial


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


Ended = Trained | NotTrained
