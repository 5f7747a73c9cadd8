"""A loss that is checked: built from its options, with its values and gradients on made-up outputs."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from kdbench.zoo.interface import Draw, Moment, Outputs
from kdbench.zoo.layers.taps import Trace
from kdbench.zoo.loss_module import Layers, LossModule, is_loss_module
from kdbench.zoo.source import optional_inputs

CLASSES = 5
BATCH = 8
EPOCHS = 240  # of the made-up training
START, END = 0.0, EPOCHS - 0.5
DRAW = Draw(0)


@dataclass(frozen=True)
class Subject:
    """A loss that is checked, and the networks whose layers its made-up features stand for."""

    thing: Callable[..., Any]
    options: Mapping[str, Any]
    student: Trace
    teacher: Trace

    def build(self, epoch: float = END, **options: Any) -> "Examined":
        """The loss at that time of a training, with freshly drawn weights where it has any: the same in every call."""
        options = {**self.options, **options}
        torch.manual_seed(DRAW.seed_of("weights"))
        thing: Any = self.thing
        if not is_loss_module(thing):
            return Examined(self, lambda *args: thing(*args, **options), _inputs(thing), None, epoch)
        module = thing(self.student, self.teacher, **options)
        return Examined(self, module, _inputs(module.forward), module, epoch)

    def at_any_time(self) -> "tuple[Examined, ...]":
        """The loss at the start and at the end of a training, where it depends on the time."""
        last = self.build()
        return (self.build(START), last) if "moment" in last.inputs else (last,)

    @property
    def takes_temperature(self) -> bool:
        return "temperature" in inspect.signature(self.thing).parameters


@dataclass(frozen=True)
class Examined:
    """One loss with its options: its values and gradients on given logits."""

    subject: Subject
    call: Callable[..., Any]
    inputs: tuple[str, ...]
    module: LossModule | None
    epoch: float = END

    @property
    def taught(self) -> bool:
        return "teacher" in self.inputs

    @property
    def optional(self) -> tuple[str, ...]:
        """The inputs that may be None."""
        return optional_inputs(self.module.forward if self.module else self.subject.thing)

    @property
    def taps(self) -> bool:
        return bool(self._layers("student"))

    def _layers(self, role: str) -> Layers:
        if self.module is None:
            return ()
        return self.module.student_layers if role == "student" else self.module.teacher_layers

    def outputs(self, logits: Tensor, role: str) -> Outputs:
        """These logits, and features of the layers that the loss reads, not negative, as activations; gradients on."""
        traced = self.subject.student if role == "student" else self.subject.teacher
        generator = DRAW.generator(f"features of the {role}")
        features = {
            layer: torch.randn(BATCH, *traced.shape(layer), generator=generator).relu().requires_grad_()
            for layer in self._layers(role)
        }
        return Outputs(logits.detach().clone().requires_grad_(), features)

    @property
    def own(self) -> dict[str, nn.Parameter]:
        """The loss's own weights, but for those that it keeps as they are."""
        return {name: p for name, p in self.module.named_parameters() if p.requires_grad} if self.module else {}

    def value(self, student: Outputs, teacher: Outputs, labels: Tensor | None, samples: Tensor | None = None) -> Tensor:
        """The loss of a batch of the training samples `samples` [B]. Its memory is restored afterwards."""
        torch.manual_seed(DRAW.seed_of("noise"))  # a loss that draws from torch draws the same in every call
        samples = torch.arange(BATCH) if samples is None else samples
        moment = Moment(self.epoch, EPOCHS, Draw(0, int(self.epoch) + 1, samples), torch.arange(4 * BATCH) % CLASSES)
        given = {"student": student, "teacher": teacher, "labels": labels, "moment": moment}
        with _unremembered(self.module):
            value = self.call(*(given[name] for name in self.inputs))
        require(isinstance(value, Tensor), f"it gave {type(value).__name__}, not a tensor")
        assert isinstance(value, Tensor)
        return value

    def of(self, student: Tensor, teacher: Tensor, labels: Tensor | None) -> float:
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
        """The teacher's part of the gradient: that under this teacher minus that under one equal to the student."""
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


def draw_case(scale: float = 2.0, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Logits [B, C] of student and teacher, labels [B]."""
    generator = Draw(seed).generator("case")
    logits = scale * torch.randn(2, BATCH, CLASSES, generator=generator)
    return logits[0], logits[1], torch.randint(CLASSES, (BATCH,), generator=generator)
