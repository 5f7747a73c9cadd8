"""From choices to live objects: a model, a loss with what it taps, a view."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from kdbench.spec import Choice, Trial
from kdbench.train.batches import View
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.interface import Moment, Outputs
from kdbench.zoo.layers.taps import Trace
from kdbench.zoo.loss_module import LossModule, is_loss_module

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Criterion:
    """A loss ready to be called, its own parameters, and the layers that it wants to see."""

    call: Callable[..., Tensor]
    inputs: tuple[str, ...]
    module: LossModule | None = None

    def __call__(self, student: Outputs, teacher: Outputs | None, labels: Tensor, moment: Moment) -> Tensor:
        given = {"student": student, "teacher": teacher, "labels": labels, "moment": moment}
        return self.call(**{name: given[name] for name in self.inputs})

    @property
    def student_layers(self) -> tuple[str, ...]:
        """The layers of the student that it reads."""
        return self.module.student_layers if self.module else ()

    @property
    def teacher_layers(self) -> tuple[str, ...]:
        """The layers of the teacher that it reads."""
        return self.module.teacher_layers if self.module else ()

    @property
    def taught(self) -> bool:
        """Whether it asks a teacher."""
        return "teacher" in self.inputs

    @property
    def parameters(self) -> list[nn.Parameter]:
        """Its own weights, but for those that it keeps as they are."""
        return [p for p in self.module.parameters() if p.requires_grad] if self.module else []

    def initialization(self, epochs: int) -> float:
        """Epochs at the start of a training in which the student is not yet trained as a whole."""
        return self.module.initialization(epochs) if self.module else 0.0

    def deployed(self, model: nn.Module) -> nn.Module:
        """What is evaluated and exported: the student itself, unless the loss makes it a part of another network."""
        return self.module.deployed(model) if self.module else model


def build_model(choice: Choice, catalog: Catalog, classes: int, shape: Shape, seed: int) -> nn.Module:
    """A freshly initialized model: the same weights for the same seed, whatever loss will train it."""
    torch.manual_seed(seed)
    model: nn.Module = catalog.load("models", choice.use)(classes, shape, **_options(choice))
    return model.to(memory_format=torch.channels_last)


def build_criterion(trial: Trial, catalog: Catalog, student: Trace, teacher: Trace | None) -> Criterion:
    """The trial's loss. Raises `NotApplicable` where it cannot serve this pair."""
    thing: Any = catalog.load("losses", trial.loss.use)
    inputs = catalog.signature("losses", trial.loss.use).inputs
    options = _options(trial.loss)
    if not is_loss_module(thing):
        return Criterion(partial(thing, **options), inputs)
    torch.manual_seed(trial.seed + 1)  # the loss's own weights; not the model's draw over again
    loss = thing(student, teacher, **options)
    return Criterion(loss, inputs, loss)


def build_view(choice: Choice, catalog: Catalog) -> View:
    """A view with its options bound."""
    return partial(catalog.load("views", choice.use), **_options(choice))


def _options(choice: Choice) -> dict[str, object]:
    """Options as the callable expects them: JSON has no tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in choice.options.items()}
