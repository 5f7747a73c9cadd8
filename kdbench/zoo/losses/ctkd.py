"""Curriculum temperature: the temperature learns to raise the loss, with a weight that grows from epoch to epoch."""

from math import cos, pi
from typing import Any

import torch
from torch import Tensor, nn

from kdbench.spec.types import NonNegative, Positive, Weight
from kdbench.zoo.interface import Moment, Outputs
from kdbench.zoo.layers.taps import Trace
from kdbench.zoo.loss_module import LossModule
from kdbench.zoo.losses.cross_entropy import labels_term
from kdbench.zoo.losses.kd import softened_divergence
from kdbench.zoo.losses.phases import Phase


class CTKD(LossModule):
    """Knowledge distillation at a temperature that learns to raise the divergence, with cross-entropy to the labels.

    Formula: weight * T^2 * KL(softmax(z_t / T) || softmax(z_s / T)) + ce_weight * CE(z_s, y), mean over the batch;
    T = lowest + spread * sigmoid(theta), theta 1 at first. The gradient on theta is multiplied by lambda, which goes
    from 0 to -1 as (cos(pi * epoch / warmup_epochs) - 1) / 2, and stays there.
    Shapes: logits [B, C] of both; labels [B], int64. Gives a scalar, float32.
    Units: nats per sample, the divergence times T^2, whose gradient on theta counts too. Without a number,
    `warmup_epochs` are 10 of 240 epochs, in proportion.
    Raises: nothing.
    Source: Li et al. 2023, Curriculum Temperature for Knowledge Distillation (arXiv:2211.16231), section 3, its global
    temperature; T from 1 to 21, theta, lambda and the weights as in the authors' code.
    Differs: lambda moves with every step and is 0 at the first; in the code with every epoch, from 1 on. The
    temperature of each instance, the paper's other form, is left out.
    """

    def __init__(
        self,
        student: Trace,
        teacher: Trace,
        *,
        lowest: Positive = 1.0,
        spread: Positive = 20.0,
        warmup_epochs: NonNegative | None = None,
        weight: Weight = 0.9,
        ce_weight: NonNegative = 0.1,
    ) -> None:
        super().__init__(student, teacher)
        self.lowest = lowest
        self.spread = spread
        self.warm_up = Phase(warmup_epochs, published=10)
        self.weight = weight
        self.ce_weight = ce_weight
        self.theta = nn.Parameter(torch.ones(()))

    def forward(self, student: Outputs, teacher: Outputs, labels: Tensor | None, moment: Moment) -> Tensor:
        theta: Tensor = _Scaled.apply(self.theta, (cos(pi * self.warm_up.risen(moment)) - 1) / 2)
        temperature = self.lowest + self.spread * theta.sigmoid()
        self.tell("temperature", temperature)
        z_s, z_t = student.logits.float(), teacher.logits.detach().float()
        divergence = softened_divergence(z_s, z_t, temperature)
        return self.weight * temperature.square() * divergence + labels_term(z_s, labels, self.ce_weight)


class _Scaled(torch.autograd.Function):
    """The tensor itself, whose gradient is multiplied by a factor: below 0 it learns the opposite of the rest."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return tensor.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return ctx.factor * gradients[0], None
