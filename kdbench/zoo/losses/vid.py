"""Variational information distillation: the student's features predict the teacher's, each channel with a variance."""

from math import expm1, log

import torch
from torch import Tensor, nn
from torch.nn import functional

from kdbench.spec.types import NonNegative, Positive, Weight
from kdbench.zoo.interface import Outputs
from kdbench.zoo.layers.taps import Shape, Trace
from kdbench.zoo.loss_module import LossModule
from kdbench.zoo.losses.cross_entropy import labels_term
from kdbench.zoo.losses.matching import by_channel, pair_layers, pointwise, require_alike, to_common_size


class VID(LossModule):
    """Negative log-likelihood of the teacher's features under a Gaussian given by the student's, with cross-entropy.

    Formula: weight * sum over layers of mean 1/2 [(mu(f_s) - f_t)^2 / v + log v] + ce_weight * CE(z_s, y); v of each
    teacher channel = softplus(learnt) + 1e-5; mu = three 1x1 convolutions (or linear layers, for flat features) without
    bias, ReLU between them, all as wide as the teacher's layer.
    Shapes: logits [B, C]; labels [B], int64; features [B, channels, height, width] or [B, features] of any channels;
    where heights or widths differ, the larger features are averaged down first. Gives a scalar, float32.
    Units: nats per element of the teacher's features, less the constant 1/2 log 2 pi, plus nats per sample. It may be
    below 0.
    Raises: NotApplicable where a layer does not exist, one is flat and its other is not, or they are not equally many.
    Source: Ahn et al. 2019, Variational Information Distillation (arXiv:1904.05835), section 2; weight 1, variance 5 at
    first, mu and layers (all stages; first, middle, last where the networks have not equally many) as in RepDistiller.
    Differs: mean over elements, where the paper sums; no batch norm in mu.
    """

    def __init__(
        self,
        student: Trace,
        teacher: Trace,
        *,
        student_layers: tuple[str, ...] = (),
        teacher_layers: tuple[str, ...] = (),
        initial_variance: Positive = 5.0,
        weight: Weight = 1.0,
        ce_weight: NonNegative = 1.0,
    ) -> None:
        layers = pair_layers("vid", student, teacher, student_layers, teacher_layers)
        super().__init__(student, teacher, *layers)
        shapes = [(student.shape(own), teacher.shape(other)) for own, other in zip(*layers, strict=True)]
        self.means = nn.ModuleList(_mean(own, other) for own, other in shapes)
        start = initial_variance + log(-expm1(-initial_variance))  # whose softplus it is
        self.spreads = nn.ParameterList(nn.Parameter(torch.full((other[0],), start)) for _, other in shapes)
        self.weight = weight
        self.ce_weight = ce_weight

    def forward(self, student: Outputs, teacher: Outputs, labels: Tensor | None) -> Tensor:
        total = labels_term(student.logits.float(), labels, self.ce_weight)
        pairs = zip(self.paired_features(student, teacher), self.means, self.spreads, strict=True)
        for (given, wanted), mean, spread in pairs:
            if given.ndim == 4:
                given, wanted = to_common_size(given, wanted)
            total = total + self.weight * _cost(mean(given), wanted, functional.softplus(spread) + 1e-5)
        return total


def _cost(mean: Tensor, wanted: Tensor, variance: Tensor) -> Tensor:
    """Mean negative log-likelihood over all elements; variance [channels]."""
    difference = by_channel(mean) - by_channel(wanted)
    square = difference.square().flatten(0, -2).mean(dim=0)  # by channel first: far less to divide
    return 0.5 * (square / variance + variance.log()).mean()


def _mean(student: Shape, teacher: Shape) -> nn.Module:
    """From features of one shape to the channels of another, both without the batch."""
    require_alike("vid", student, teacher)
    wide = teacher[0]
    first, second, third = pointwise(student, wide), pointwise(teacher, wide), pointwise(teacher, wide)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), third)
