"""Activation boundaries: before it is trained, the student learns where the teacher's neurons switch on and off."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from kdbench.spec.types import NonNegative, Positive, Weight
from kdbench.zoo.interface import Moment, Outputs
from kdbench.zoo.layers.taps import Trace
from kdbench.zoo.loss_module import LossModule
from kdbench.zoo.losses.matching import by_channel, connector, pair_layers_before_relu
from kdbench.zoo.losses.phases import Phase


class ActivationBoundary(LossModule):
    """A hinge on the side of 0 that the teacher's pre-activations lie on, at first; then cross-entropy alone.

    Formula: during initialization weight * sum over stages n = 1..N of 2^(n-N) * sum over elements of h(r(f_s), f_t),
    mean over samples, with h(s, t) = max(0, margin - s)^2 where t > 0, and max(0, margin + s)^2 where t <= 0;
    afterwards ce_weight * CE(z_s, y). r = BN(1x1 convolution), or BN(linear) for flat features.
    Shapes: logits [B, C]; labels [B], int64; features [B, channels, height, width] or [B, features], before a ReLU cuts
    them, of any channels but equal height and width. Gives a scalar, float32.
    Units: squared activations, summed over a sample's features; afterwards nats per sample.
    Raises: NotApplicable where a layer has no features before a ReLU, heights or widths differ, the layers are not
    equally many, or the initialization would last as long as the training.
    Source: Heo et al. 2019, Knowledge Transfer via Distillation of Activation Boundaries (arXiv:1811.03233), the
    alternative loss; margin 1, the stages' weights and .003 (3/1000) as in the authors' code and RepDistiller, which
    also has the 30 epochs of initialization ahead of 240 with labels alone.
    Differs: init_epochs are part of the training (by default 30 of 240 in proportion), where the published ones come on
    top, with an optimizer and a learning rate schedule of their own. The teacher is in eval mode throughout, where the
    authors' code trains its batch norm along; the student in training mode, as in both codes. A connector also where
    the channels are equal; its weights begin as torch draws them, where the authors draw N(0, sqrt(2 / n)). Stages
    of equal height and width are paired, where RepDistiller pairs the n-th with the n-th and its connector changes the
    size. The authors' code trains on by distillation of the logits, RepDistiller and kdbench by labels alone.
    """

    def __init__(
        self,
        student: Trace,
        teacher: Trace,
        *,
        student_layers: tuple[str, ...] = (),
        teacher_layers: tuple[str, ...] = (),
        margin: Positive = 1.0,
        init_epochs: NonNegative | None = None,
        weight: Weight = 0.003,
        ce_weight: NonNegative = 1.0,
    ) -> None:
        layers = pair_layers_before_relu("activation_boundary", student, teacher, student_layers, teacher_layers)
        super().__init__(student, teacher, *layers)
        self.connectors = nn.ModuleList(
            connector("activation_boundary", student.shape(own), teacher.shape(other))
            for own, other in zip(*layers, strict=True)
        )
        self.margin = margin
        self.phase = Phase(init_epochs, published=30)
        self.weight = weight
        self.ce_weight = ce_weight

    def initialization(self, epochs: int) -> float:
        return self.phase.span(epochs)

    def forward(self, student: Outputs, teacher: Outputs, labels: Tensor, moment: Moment) -> Tensor:
        if not self.phase.lasts("activation_boundary", moment):
            return self.ce_weight * functional.cross_entropy(student.logits.float(), labels)
        total = torch.zeros((), device=student.logits.device)
        for (own, other), connect in zip(self.paired_features(student, teacher), self.connectors, strict=True):
            total = total / 2 + _transfer(by_channel(connect(own)), by_channel(other), self.margin)
        return self.weight * total


def _transfer(student: Tensor, teacher: Tensor, margin: float) -> Tensor:
    """The squared hinge, summed over elements, mean over samples."""
    short = torch.where(teacher > 0, margin - student, margin + student).relu()
    return short.square().sum() / len(short)
