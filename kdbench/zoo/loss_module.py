"""What every loss that is a class inherits: the layers it reads, and what it may tell the training loop."""

import inspect
from collections.abc import Callable
from typing import Any, ClassVar, TypeGuard

import torch
from torch import Tensor, nn

from kdbench.spec import UserError
from kdbench.zoo.interface import Outputs
from kdbench.zoo.layers.taps import Trace

Layers = tuple[str, ...]


class LossModule(nn.Module):
    """A loss with weights or a memory of its own, or one that reads layers. Any other loss is a plain function.

    It is built for each pair as `Loss(student, teacher, *, options)`, from the traces of the two networks. The
    positional parameters of its `forward` name what it needs of `student`, `teacher`, `labels` and `moment`. Its
    weights are trained together with the student's and are not deployed.

    `student_layers` and `teacher_layers` are the layers whose features stand in `Outputs.features`, by these names: see
    `Trace.resolve`. Raises NotApplicable where a network has no such layer.
    """

    # Attributes that follow from what every call is given. All else that a loss remembers is in its weights and buffers
    # (`register_buffer(name, None)` for one that the first batch makes): an interrupted training goes on from these.
    made_again: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self, student: Trace, teacher: Trace | None, student_layers: Layers = (), teacher_layers: Layers = ()
    ) -> None:
        super().__init__()
        for traced, layers in ((student, student_layers), (teacher, teacher_layers)):
            for layer in layers:
                assert traced is not None, "a loss that reads a teacher's layers has `teacher` among its inputs"
                traced.resolve(layer)
        self.student_layers = student_layers
        self.teacher_layers = teacher_layers
        self._told: dict[str, list[Tensor]] = {}  # since they were read last, by name

    def tell(self, name: str, value: Tensor | float) -> None:
        """Say a figure of this call, such as its temperature: a report draws the mean of each epoch."""
        self._told.setdefault(name, []).append(torch.as_tensor(value).detach())

    def readings(self) -> dict[str, float]:
        """The mean of each figure over the calls since the last reading. It waits for the device: once an epoch."""
        means = {name: float(torch.stack(values).double().mean()) for name, values in self._told.items()}
        self._told.clear()
        return means

    def initialization(self, epochs: int) -> float:  # noqa: ARG002 - a loss with such a phase needs it
        """How many epochs, of a training of so many, pass before the student is trained as a whole. By default 0.

        None of them is chosen as the best epoch, and patience does not count them.
        """
        return 0.0

    def deployed(self, student: nn.Module) -> nn.Module:
        """The network that is validated, selected and exported. By default the student itself.

        Another network shares the weights of `student` and of this loss: it is made once, before training.
        """
        return student

    def paired_features(self, student: Outputs, teacher: Outputs) -> list[tuple[Tensor, Tensor]]:
        """Of every pair of layers the student's features, and the teacher's without gradient, in float32."""
        return [
            (student.features[own].float(), teacher.features[other].detach().float())
            for own, other in zip(self.student_layers, self.teacher_layers, strict=True)
        ]


def is_loss_module(loss: Any) -> TypeGuard[Callable[..., LossModule]]:
    """Whether a loss is built for each pair (a class), or called as it is (a function).

    Raises `UserError` for a class of another base.
    """
    if not inspect.isclass(loss):
        return False
    if not issubclass(loss, LossModule):
        raise UserError(
            f"the loss '{loss.__module__}:{loss.__qualname__}' is a class, but not a LossModule",
            help="derive it from kdbench.zoo.LossModule and call super().__init__(student, teacher), "
            "or write it as a function",
        )
    return True
