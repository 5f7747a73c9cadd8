"""A loss under examination: built from its options, and asked for values and gradients on made-up outputs."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from kdbench.zoo.interface import Draw, Moment, Outputs
from kdbench.zoo.layers.taps import Trace
from kdbench.zoo.loss_module import LossModule, is_loss_module

CLASSES = 5
BATCH = 8
EPOCHS = 240  # of the training that is pretended
START, END = 0.0, EPOCHS - 0.5


@dataclass(frozen=True)
class Subject:
    """A loss under examination, and the networks whose layers its features pretend to come from."""

    thing: Callable[..., Any]
    options: Mapping[str, Any]
    student: Trace
    teacher: Trace

    def build(self, epoch: float = END, **options: Any) -> "Examined":
        """The loss as it is at that time, with fresh weights where it has any: the same ones each time."""
        options = {**self.options, **options}
        torch.manual_seed(1)
        thing: Any = self.thing
        if not is_loss_module(thing):
            return Examined(self, lambda *args: thing(*args, **options), _inputs(thing), None, epoch)
        module = thing(self.student, self.teacher, **options)
        return Examined(self, module, _inputs(module.forward), module, epoch)

    def at_any_time(self) -> "tuple[Examined, ...]":
        """The loss at the start and at the end of a training, where that is not the same to it."""
        last = self.build()
        return (self.build(START), last) if "moment" in last.inputs else (last,)

    @property
    def takes_temperature(self) -> bool:
        return "temperature" in inspect.signature(self.thing).parameters


@dataclass(frozen=True)
class Examined:
    """One loss with its options: its values and gradients on logits of the examiner's choice."""

    subject: Subject
    call: Callable[..., Any]
    inputs: tuple[str, ...]
    module: LossModule | None
    epoch: float = END

    @property
    def taught(self) -> bool:
        return "teacher" in self.inputs

    @property
    def taps(self) -> bool:
        return self.module is not None and bool(self.module.student_layers)

    def outputs(self, logits: Tensor, role: str) -> Outputs:
        """These logits with the features that the loss asks for: like activations, not negative; gradients on."""
        if role == "student":
            traced, layers, seed = self.subject.student, self.module.student_layers if self.module else (), 2
        else:
            traced, layers, seed = self.subject.teacher, self.module.teacher_layers if self.module else (), 3
        generator = torch.Generator().manual_seed(seed)
        features = {
            layer: torch.randn(BATCH, *traced.shape(layer), generator=generator).relu().requires_grad_()
            for layer in layers
        }
        return Outputs(logits.detach().clone().requires_grad_(), features)

    @property
    def own(self) -> dict[str, nn.Parameter]:
        """The loss's own weights, but for those that it keeps as they are."""
        return {name: p for name, p in self.module.named_parameters() if p.requires_grad} if self.module else {}

    def value(self, student: Outputs, teacher: Outputs, labels: Tensor, samples: Tensor | None = None) -> Tensor:
        """The loss of a batch of the training samples `samples` [B]. What it remembers of a batch is forgotten."""
        torch.manual_seed(4)  # a loss that draws noise draws the same in every call
        samples = torch.arange(BATCH) if samples is None else samples
        moment = Moment(self.epoch, EPOCHS, Draw(0, int(self.epoch) + 1, samples), torch.arange(4 * BATCH) % CLASSES)
        given = {"student": student, "teacher": teacher, "labels": labels, "moment": moment}
        with _unremembered(self.module):
            value = self.call(*(given[name] for name in self.inputs))
        require(isinstance(value, Tensor), f"it gave {type(value).__name__}, not a tensor")
        assert isinstance(value, Tensor)
        return value

    def of(self, student: Tensor, teacher: Tensor, labels: Tensor) -> float:
        """The loss of plain logits."""
        return self.value(self.outputs(student, "student"), self.outputs(teacher, "teacher"), labels).item()

    def gradient(self, student: Tensor, teacher: Tensor, labels: Tensor) -> Tensor:
        """The gradient [B, C] on the student's logits, 0 where none arrives."""
        given = self.outputs(student, "student")
        value = self.value(given, self.outputs(teacher, "teacher"), labels)
        require(value.requires_grad, "its value carries no gradient: something detached it")
        value.backward()  # type: ignore[no-untyped-call]
        return torch.zeros_like(student) if given.logits.grad is None else given.logits.grad

    def teaching(self, student: Tensor, teacher: Tensor, labels: Tensor) -> Tensor:
        """The part of the gradient that the teacher causes: with this teacher less with the student as its own."""
        return self.gradient(student, teacher, labels) - self.gradient(student, student, labels)


@contextmanager
def _unremembered(module: nn.Module | None) -> Iterator[None]:
    """Buffers (memories, running means) as they were before."""
    before = {m: {n: None if b is None else b.clone() for n, b in m._buffers.items()} for m in _parts(module)}
    try:
        yield
    finally:
        for part, buffers in before.items():
            part._buffers.update(buffers)


def _parts(module: nn.Module | None) -> Iterator[nn.Module]:
    return module.modules() if module else iter(())


def _inputs(function: Callable[..., Any]) -> tuple[str, ...]:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return tuple(p.name for p in inspect.signature(function).parameters.values() if p.kind in kinds)


class Broken(Exception):
    """Why a loss breaks a clause, before the loss and the clause are named."""


def require(holds: bool, reason: str) -> None:
    """Raise `Broken` with the reason unless the condition holds."""
    if not holds:
        raise Broken(reason)


def draw_case(scale: float = 2.0, seed: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    """Logits [B, C] of student and teacher, labels [B]."""
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(2, BATCH, CLASSES, generator=generator)
    return logits[0], logits[1], torch.randint(CLASSES, (BATCH,), generator=generator)
