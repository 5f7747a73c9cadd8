"""Variational information distillation: the student's features predict the teacher's, each channel with a variance."""

from math import expm1, log

import torch
from torch import Tensor, nn
from torch.nn import functional

from kdbench.spec.types import NonNegative, Positive
from kdbench.zoo.interface import NotApplicable, Outputs
from kdbench.zoo.layers.taps import Trace
from kdbench.zoo.losses.matching import pair_layers, to_common_size


class VID(nn.Module):
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
        weight: NonNegative = 1.0,
        ce_weight: NonNegative = 1.0,
    ) -> None:
        super().__init__()
        layers = pair_layers("vid", student, teacher, student_layers, teacher_layers)
        self.student_layers, self.teacher_layers = layers
        shapes = [(student.shape(own), teacher.shape(other)) for own, other in zip(*layers, strict=True)]
        self.means = nn.ModuleList(_mean(own, other) for own, other in shapes)
        start = initial_variance + log(-expm1(-initial_variance))  # whose softplus it is
        self.spreads = nn.ParameterList(nn.Parameter(torch.full((other[0],), start)) for _, other in shapes)
        self.weight = weight
        self.ce_weight = ce_weight

    def forward(self, student: Outputs, teacher: Outputs, labels: Tensor) -> Tensor:
        total = self.ce_weight * functional.cross_entropy(student.logits.float(), labels)
        pairs = zip(self.student_layers, self.teacher_layers, self.means, self.spreads, strict=True)
        for own, other, mean, spread in pairs:
            given, wanted = student.features[own].float(), teacher.features[other].detach().float()
            if given.ndim == 4:
                given, wanted = to_common_size(given, wanted)
            total = total + self.weight * _surprise(mean(given), wanted, functional.softplus(spread) + 1e-5)
        return total


def _surprise(mean: Tensor, wanted: Tensor, variance: Tensor) -> Tensor:
    """Mean negative log-likelihood over all elements; variance [channels]."""
    if mean.ndim == 4:
        mean, wanted = mean.permute(0, 2, 3, 1), wanted.permute(0, 2, 3, 1)
    square = (mean - wanted).square().flatten(0, -2).mean(dim=0)  # by channel first: far less to divide
    return 0.5 * (square / variance + variance.log()).mean()


def _mean(student: tuple[int, ...], teacher: tuple[int, ...]) -> nn.Module:
    """From features of one shape to the channels of another, both without the batch."""
    if len(student) != len(teacher) or len(student) not in (1, 3):
        raise NotApplicable(
            f"vid needs features that have height and width on both sides, or on neither: the student's are "
            f"{list(student)}, the teacher's {list(teacher)}; choose others with student_layers and teacher_layers"
        )
    wide = teacher[0]
    layers: list[nn.Module] = []
    for channels in (student[0], wide, wide):
        layer = nn.Linear(channels, wide, bias=False) if len(student) == 1 else _pointwise(channels, wide)
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _pointwise(channels: int, wide: int) -> nn.Module:
    return nn.Conv2d(channels, wide, kernel_size=1, bias=False)
