"""Reused teacher classifier: the student's features are projected to the teacher's and classified by its head."""

from collections import OrderedDict
from copy import deepcopy
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from kdbench.spec.types import Count, Deployed, NonNegative, Weight
from kdbench.zoo.interface import NotApplicable, Outputs
from kdbench.zoo.layers.cut import after, up_to
from kdbench.zoo.layers.taps import Shape, Trace
from kdbench.zoo.loss_module import LossModule
from kdbench.zoo.losses.cross_entropy import labels_term
from kdbench.zoo.losses.matching import batch_norm, pointwise, require_alike


class SimKD(LossModule):
    """Mean squared difference between projected features of the student and the teacher's, whose head is deployed.

    Formula: weight * mean of (p(f_s) - f_t)^2 + ce_weight * CE(h(p(f_s)), y); h is what the teacher computes from f_t;
    p = three times a convolution without bias, batch norm and ReLU: 1x1 to C_t / factor channels, 3x3, 1x1 to C_t; for
    flat features linear layers. Deployed is h(p(f_s)), with a frozen copy of h, on validation too. Nothing
    trains the student's own classifier, which is no part of it.
    Shapes: logits [B, C]; labels [B], int64; features [B, channels, height, width] or [B, features] of any channels;
    where heights or widths differ, the larger features are averaged down to the smaller. Gives a scalar, float32.
    Units: squared activations, plus nats per sample.
    Raises: NotApplicable where a layer does not exist, one is flat and its other is not, factor leaves no channel, a
    network cannot be cut at its layer, or the teacher's head cannot take features as small as the student's.
    Source: Chen et al. 2022, Knowledge Distillation with the Reused Teacher Classifier (arXiv:2203.14001), equation 2;
    weight 1, factor 2, the projector and the pooling as in the authors' code; no term of the labels, as there.
    Differs: the head is all that follows the teacher's layer (its own pooling too), where the authors' code averages
    over positions and applies the last linear layer. The equation's squared norm is a mean over elements, as in their
    code. p has no last ReLU, which reaches nothing below 0, where the teacher's layer does not end in one: the last
    stage of a wide resnet, a linear bottleneck.
    """

    def __init__(
        self,
        student: Trace,
        teacher: Trace,
        *,
        student_layer: Deployed[str] = "last",
        teacher_layer: Deployed[str] = "last",
        factor: Deployed[Count] = 2,
        weight: Weight = 1.0,
        ce_weight: NonNegative = 0.0,
    ) -> None:
        super().__init__(student, teacher, (student_layer,), (teacher_layer,))
        self.weight = weight
        self.ce_weight = ce_weight
        self.student = student  # the trace alone: a submodule of this loss would be trained twice
        own, other = student.shape(student_layer), teacher.shape(teacher_layer)
        self.projector = _projector(own, other, factor, activated=_ends_in_relu(teacher, teacher_layer))
        self.size = (min(own[1], other[1]), min(own[2], other[2])) if len(own) == 3 else None
        up_to(student, student_layer)  # whether it can be cut is known now, not after an epoch
        self.head = _Frozen(after(teacher, teacher_layer))
        _require_fitting(self.head, (other[0], *(self.size or ())), teacher, teacher_layer)

    def forward(self, student: Outputs, teacher: Outputs, labels: Tensor | None) -> Tensor:
        [features] = self.paired_features(student, teacher)
        own, wanted = (self._shrink(each) for each in features)
        projected: Tensor = self.projector(own)
        # Not mse_loss, whose gradient leaves channels-last: see fitnet.py.
        total = self.weight * (projected - wanted).square().mean()
        if self.ce_weight > 0:
            logits = self.head(projected.clone())  # a head may begin with a ReLU in place
            total = total + labels_term(logits.float(), labels, self.ce_weight)
        return total

    def deployed(self, student: nn.Module) -> nn.Module:
        """The student up to its layer, the projector and the teacher's head."""
        parts = OrderedDict(student=up_to(replace(self.student, model=student), self.student_layers[0]))
        if self.size is not None and self.student.shape(self.student_layers[0])[1:] != self.size:
            parts["pool"] = nn.AdaptiveAvgPool2d(self.size)
        return nn.Sequential(parts | {"projector": self.projector, "head": self.head})

    def _shrink(self, features: Tensor) -> Tensor:
        if self.size is None or features.shape[2:] == self.size:
            return features
        return functional.adaptive_avg_pool2d(features, self.size)


class _Frozen(nn.Module):
    """A copy of a part of the teacher, which stays in eval mode and gets no gradient."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = deepcopy(part).requires_grad_(False).eval()
        self.training = False

    def train(self, mode: bool = True) -> "_Frozen":  # noqa: ARG002 - batch norm and dropout stay in eval mode
        return self

    def forward(self, features: Tensor) -> Tensor:
        logits: Tensor = self.part(features)
        return logits


def _ends_in_relu(teacher: Trace, layer: str) -> bool:
    """Whether a layer's features are never below 0. Of the input of a linear layer that is taken for granted."""
    tap = teacher.resolve(layer)
    if tap.entering:
        return not isinstance(teacher.model.get_submodule(tap.module), nn.ReLU | nn.ReLU6)
    before = teacher.before.get(tap.module)
    order = list(teacher.shapes)
    return before is None or (before.entering and order.index(before.module) <= order.index(tap.module))


def _projector(student: Shape, teacher: Shape, factor: int, *, activated: bool) -> nn.Module:
    """The bottleneck from features of one shape to the channels of another, both without the batch."""
    require_alike("simkd", student, teacher, "student_layer and teacher_layer")
    wide, narrow = teacher[0], teacher[0] // factor
    if not narrow:
        raise NotApplicable(
            f"simkd narrows the teacher's {wide} channels by factor, which must not be above them; got {factor}"
        )
    flat, between = len(student) == 1, (narrow, *student[1:])
    linear = [
        pointwise(student, narrow),
        pointwise(between, narrow) if flat else nn.Conv2d(narrow, narrow, 3, padding=1, bias=False),
        pointwise(between, wide),
    ]
    layers: list[nn.Module] = []
    for layer, channels in zip(linear, (narrow, narrow, wide), strict=True):
        layers += [layer, batch_norm(student, channels), nn.ReLU()]
    return nn.Sequential(*(layers if activated else layers[:-1]))


def _require_fitting(head: nn.Module, shape: Shape, teacher: Trace, layer: str) -> None:
    device = next((p.device for p in teacher.model.parameters()), torch.device("cpu"))
    try:
        with torch.no_grad():
            head(torch.zeros(1, *shape, device=device))
    except (RuntimeError, ValueError) as error:  # what torch raises for shapes that do not fit
        text = str(error).partition("\n")[0]
        raise NotApplicable(
            f"simkd gives the teacher's head features of the smaller height and width, and it takes only its own: "
            f"{list(teacher.shape(layer))} at '{layer}', got {list(shape)} ({text}); choose a teacher that averages "
            "over positions, or layers of equal size with student_layer and teacher_layer"
        ) from error
