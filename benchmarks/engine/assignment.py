"""What the compared sides need to do the same work: the samples, the networks and the recipe, from one folder.

`prepare` writes the folder from a suite, so that the suite alone describes the work.
"""

import math
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from safetensors.torch import load_file
from torch import nn

from kdbench.spec.choice import Choice, Record
from kdbench.train.build import build_model
from kdbench.zoo.catalog import Catalog

FILE, SAMPLES = "assignment.json", "samples.npz"
PARTS = ("train", "validation", "test")


class Tap(Record):
    """Where a loss reads features: the output of a submodule, or its input (`entering`); `shape` without the batch."""

    module: str
    shape: tuple[int, ...]
    entering: bool


class Loss(Record):
    """A loss of the suite, all options filled in."""

    use: str
    options: dict[str, Any]
    taught: bool  # whether it takes a teacher
    student_tap: Tap | None = None
    teacher_tap: Tap | None = None


class Assignment(Record):
    """A resolved suite: the same samples, models and recipe as those of kdbench's trials."""

    folder: Path = Field(Path(), exclude=True)
    data_sha256: str  # of the three splits; kdbench writes the same into its records
    classes: int
    shape: tuple[int, int, int]
    mean: tuple[float, ...]  # per channel, of the raw values 0 to 255
    std: tuple[float, ...]
    student: Choice
    teacher: Choice
    teacher_key: str  # of its record in `store`
    seeds: tuple[int, ...]
    epochs: int
    batch_size: int
    sgd: dict[str, Any]  # lr, momentum, weight_decay, as torch calls them
    warmup_epochs: float  # linear; then half a cosine to 0
    augment: tuple[Choice, ...]  # crop and flip with their options
    losses: tuple[Loss, ...]

    @classmethod
    def read(cls, folder: Path) -> Self:
        return cls.model_validate_json((folder / FILE).read_text("utf-8")).model_copy(update={"folder": folder})

    def write(self) -> None:
        (self.folder / FILE).write_text(self.model_dump_json(indent=1) + "\n", "utf-8")

    @property
    def store(self) -> Path:
        """The store with the teacher's record, beside the folders of all assignments: they may share a teacher."""
        return self.folder.parent / "store"

    def loss(self, use: str) -> Loss:
        return next(loss for loss in self.losses if loss.use == use)

    def samples(self, part: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Images [N, H, W] or [N, H, W, 3] as image files hold them, and labels [N]."""
        with np.load(self.folder / SAMPLES) as archive:
            images = archive[f"{part}_images"].transpose(0, 2, 3, 1)
            return images.squeeze(3) if images.shape[3] == 1 else images.copy(), archive[f"{part}_labels"]

    def rate(self, step: int, steps: int, epochs: int) -> float:
        """The factor of the learning rate in a step, counted over all epochs of `steps` steps each."""
        time = (step + 0.5) / steps
        if time < self.warmup_epochs:
            return time / self.warmup_epochs
        done = (time - self.warmup_epochs) / max(epochs - self.warmup_epochs, 1e-9)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

    def build_student(self, seed: int) -> nn.Module:
        """A student with the weights that kdbench gives it for this seed, in torch's default memory format."""
        return self._build(self.student, seed)

    def build_teacher(self) -> nn.Module:
        """The trained teacher, in eval mode."""
        model = self._build(self.teacher, seed=0)
        model.load_state_dict(load_file(self.store / "trials" / self.teacher_key / "weights.safetensors"))
        return model.eval()

    def _build(self, choice: Choice, seed: int) -> nn.Module:
        model = build_model(choice, Catalog(), self.classes, self.shape, seed)
        return model.to(memory_format=torch.contiguous_format)


def build_regressor(loss: Loss) -> nn.Module:
    """The regressor of hints, from the student's features to the teacher's; the same as kdbench's."""
    assert loss.student_tap
    assert loss.teacher_tap
    here, there = loss.student_tap.shape[0], loss.teacher_tap.shape[0]
    if len(loss.student_tap.shape) == 1:
        return nn.Sequential(nn.Linear(here, there, bias=False), nn.BatchNorm1d(there))
    return nn.Sequential(nn.Conv2d(here, there, kernel_size=1, bias=False), nn.BatchNorm2d(there), nn.ReLU())
