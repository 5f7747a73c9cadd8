"""Correlation congruence: the samples of a batch correlate under the student as they do under the teacher."""

from math import exp, factorial
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from kdbench.spec.types import Count, Factor, NonNegative, Weight
from kdbench.zoo.interface import Outputs
from kdbench.zoo.layers.taps import Trace
from kdbench.zoo.loss_module import LossModule
from kdbench.zoo.losses.cross_entropy import labels_term
from kdbench.zoo.losses.matching import as_rows, unit_vectors


class CorrelationCongruence(LossModule):
    """Mean squared difference of the batch's correlation matrices under student and teacher, with cross-entropy.

    Formula: weight * ||K_s - K_t||^2 / B^2 + ce_weight * CE(z_s, y); K [B, B] of features f of L2 norm 1: f . f' for
    kernel "bilinear", exp(-gamma |f - f'|^2) as its Taylor series up to (f . f')^order for "gaussian".
    Shapes: logits [B, C]; labels [B], int64; features of any shapes, flattened. Gives a scalar, float32.
    Units: squared correlations, plus nats per sample.
    Raises: NotApplicable where a layer does not exist; ValueError for a batch of one.
    Source: Peng et al. 2019, Correlation Congruence for Knowledge Distillation (arXiv:1904.01802), with the kernels of
    its section on correlation; gamma .4 and order 2 as there.
    Differs: no embedding before the kernel, since [B, B] needs no equal widths. RepDistiller's loss of this name is
    another one (products of neighbouring samples' differences), and its weight .02 belongs to that; 100 is what public
    implementations of the Gaussian form use.
    """

    def __init__(
        self,
        student: Trace,
        teacher: Trace,
        *,
        student_layer: str = "embedding",
        teacher_layer: str = "embedding",
        kernel: Literal["gaussian", "bilinear"] = "gaussian",
        gamma: Factor = 0.4,
        order: Count = 2,
        weight: Weight = 100.0,
        ce_weight: NonNegative = 1.0,
    ) -> None:
        super().__init__(student, teacher, (student_layer,), (teacher_layer,))
        powers = range(order + 1)
        gaussian = [exp(-2 * gamma) * (2 * gamma) ** power / factorial(power) for power in powers]
        self.coefficients = gaussian if kernel == "gaussian" else [0.0, 1.0]
        self.weight = weight
        self.ce_weight = ce_weight

    def forward(self, student: Outputs, teacher: Outputs, labels: Tensor | None) -> Tensor:
        [(given, wanted)] = self.paired_features(student, teacher)
        own, others = self._correlations(given), self._correlations(wanted)
        labelled = labels_term(student.logits.float(), labels, self.ce_weight)
        return self.weight * functional.mse_loss(own, others) + labelled

    def _correlations(self, features: Tensor) -> Tensor:
        """[B, B]: a polynomial of the cosines, by Horner's rule."""
        directions = unit_vectors(as_rows(features))
        cosines = directions @ directions.T
        total = torch.zeros_like(cosines)
        for coefficient in reversed(self.coefficients):
            total = total * cosines + coefficient
        return total
