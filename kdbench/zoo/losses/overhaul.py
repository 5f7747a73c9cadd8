"""Overhaul of feature distillation: the teacher's features before their ReLU, cut from below at a margin."""

import torch
from torch import Tensor, nn

from kdbench.spec.types import NonNegative, Weight
from kdbench.zoo.interface import NotApplicable, Outputs
from kdbench.zoo.layers.taps import Trace
from kdbench.zoo.loss_module import LossModule
from kdbench.zoo.losses.cross_entropy import labels_term
from kdbench.zoo.losses.matching import by_channel, connector, pair_layers_before_relu

_RARELY = 0.001  # below that share of negative responses their mean is not estimated
_TINY = 1e-12  # a spread of 0 (a channel that batch norm makes constant) would be divided by


class Overhaul(LossModule):
    """Squared distance of pre-activations to the teacher's, cut from below at a margin, with cross-entropy.

    Formula: weight * sum over stages n = 1..N of 2^(n-N) * sum over elements of d(r(f_s), max(f_t, m)), mean over
    samples, + ce_weight * CE(z_s, y); d(s, t) = 0 where s <= t <= 0, else (s - t)^2; r = BN(1x1 convolution). m of each
    teacher channel is the mean of its negative responses, those of a Gaussian with mean mu = beta and spread
    s = |gamma| of the batch norm before: m = mu - s phi(mu/s) / Phi(-mu/s), phi and Phi of the standard normal; -3 s
    where Phi(-mu/s) is not above .001.
    Shapes: logits [B, C]; labels [B], int64; features [B, channels, height, width], before a ReLU cuts them, of any
    channels but equal height and width. Gives a scalar, float32.
    Units: squared activations, summed over a sample's features, plus nats per sample.
    Raises: NotApplicable where a layer has no features before a ReLU, the teacher no batch norm before them, heights or
    widths differ, or the layers are not equally many.
    Source: Heo et al. 2019, A Comprehensive Overhaul of Feature Distillation (arXiv:1904.01866), margin ReLU and
    partial L2 distance; weight 1/1000, the stages' weights and the margins, -3 s included, as in the authors' code.
    Differs: the teacher is in eval mode, where the authors' code has it normalize by the batch. After a residual sum
    the margin knows one of its two parts: that of the batch norm that ran last, which is the shortcut's where it has
    one (never in the last block of a stage of two or more). Stages of equal height and width are paired. Connectors
    begin as torch draws them, where the authors draw N(0, sqrt(2 / n)).
    """

    def __init__(
        self,
        student: Trace,
        teacher: Trace,
        *,
        student_layers: tuple[str, ...] = (),
        teacher_layers: tuple[str, ...] = (),
        weight: Weight = 1e-3,
        ce_weight: NonNegative = 1.0,
    ) -> None:
        layers = pair_layers_before_relu("overhaul", student, teacher, student_layers, teacher_layers)
        super().__init__(student, teacher, *layers)
        self.connectors = nn.ModuleList(
            connector("overhaul", student.shape(own), teacher.shape(other)) for own, other in zip(*layers, strict=True)
        )
        for index, layer in enumerate(self.teacher_layers):
            self.register_buffer(f"margin{index}", _margin(_batch_norm(teacher, layer)))
        self.weight = weight
        self.ce_weight = ce_weight

    def forward(self, student: Outputs, teacher: Outputs, labels: Tensor | None) -> Tensor:
        total = torch.zeros((), device=student.logits.device)
        pairs = zip(self.paired_features(student, teacher), self.connectors, strict=True)
        for index, ((own, other), connect) in enumerate(pairs):
            wanted = torch.maximum(by_channel(other), self.get_buffer(f"margin{index}"))
            total = total / 2 + _partial_distance(by_channel(connect(own)), wanted)
        return self.weight * total + labels_term(student.logits.float(), labels, self.ce_weight)


def _partial_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Squared, summed over elements, mean over samples; 0 where both are off, however far below 0."""
    counts = (student > teacher) | (teacher > 0)
    return torch.where(counts, student - teacher, 0).square().sum() / len(student)


def _margin(norm: nn.BatchNorm2d) -> Tensor:
    """The mean of negative responses [channels], float32, computed in float64."""
    mean = torch.zeros(norm.num_features) if norm.bias is None else norm.bias.detach()
    spread = torch.ones(norm.num_features) if norm.weight is None else norm.weight.detach()
    mean, spread = mean.double(), spread.double().abs().clamp(min=_TINY)
    ratio = mean / spread
    below = torch.special.ndtr(-ratio)
    density = torch.exp(-ratio.square() / 2) / (2 * torch.pi) ** 0.5
    return torch.where(below > _RARELY, mean - spread * density / below, -3 * spread).float()


def _batch_norm(teacher: Trace, layer: str) -> nn.BatchNorm2d:
    try:
        return teacher.batch_norm(layer)
    except NotApplicable as reason:
        raise NotApplicable(
            f"overhaul takes its margins from the teacher's batch norm: {reason}; choose a teacher that has it, or "
            f"other layers with student_layers and teacher_layers"
        ) from None
