"""Relational distillation: distances and angles between samples rather than the samples' own features."""

import torch
from torch import Tensor
from torch.nn import functional

from kdbench.spec.types import NonNegative, Weight
from kdbench.zoo.interface import Outputs
from kdbench.zoo.layers.taps import Trace
from kdbench.zoo.loss_module import LossModule
from kdbench.zoo.losses.cross_entropy import labels_term
from kdbench.zoo.losses.matching import as_rows, unit_vectors


class RKD(LossModule):
    """Smooth L1 difference of the distances and the angles among the samples of a batch, with cross-entropy.

    Formula: weight * (distance_weight * h(d_s, d_t) + angle_weight * h(a_s, a_t)) + ce_weight * CE(z_s, y); h the mean
    smooth L1 difference, d the distances of pairs over the mean of those above 0, a the cosines at the first of three
    samples, 0 where two of them coincide.
    Shapes: logits [B, C]; labels [B], int64; features of any shapes, flattened to [B, D]. Takes memory for B^3 and
    B^2 D floats. Gives a scalar, float32.
    Units: none but nats per sample. Two samples have one distance, which is its own mean: only from three on is there
    something to learn.
    Raises: NotApplicable where a layer does not exist; ValueError for a batch of one.
    Source: Park et al. 2019, Relational Knowledge Distillation (arXiv:1904.05068), sections 3.2.1 and 3.2.2; weights
    25 and 50 and the embedding as in the authors' code and RepDistiller.
    Differs: means over all pairs and triplets, repeated samples included, as in the authors' code, where the paper
    sums. Samples that coincide pass no gradient.
    """

    def __init__(
        self,
        student: Trace,
        teacher: Trace,
        *,
        student_layer: str = "embedding",
        teacher_layer: str = "embedding",
        distance_weight: Weight = 25.0,
        angle_weight: Weight = 50.0,
        weight: Weight = 1.0,
        ce_weight: NonNegative = 1.0,
    ) -> None:
        super().__init__(student, teacher, (student_layer,), (teacher_layer,))
        self.distance_weight = distance_weight
        self.angle_weight = angle_weight
        self.weight = weight
        self.ce_weight = ce_weight

    def forward(self, student: Outputs, teacher: Outputs, labels: Tensor | None) -> Tensor:
        [(given, wanted)] = self.paired_features(student, teacher)
        own, others = _differences(given), _differences(wanted)
        distance = functional.smooth_l1_loss(_distances(own), _distances(others))
        angle = functional.smooth_l1_loss(_angles(own), _angles(others))
        relation = self.distance_weight * distance + self.angle_weight * angle
        return self.weight * relation + labels_term(student.logits.float(), labels, self.ce_weight)


def _differences(features: Tensor) -> Tensor:
    """[B, B, D]: at (i, j) sample j minus sample i. Exactly 0 for equal samples, which a product of rows is not."""
    rows = as_rows(features)
    return rows[None, :] - rows[:, None]


def _distances(differences: Tensor) -> Tensor:
    """[B, B], over the mean of those above 0; all 0 where the samples coincide."""
    square = differences.square().sum(dim=2)
    apart = square > 0
    # The root of 0 has an infinite gradient, which `where` alone would turn into NaN.
    distances = torch.where(apart, torch.where(apart, square, 1.0).sqrt(), 0.0)
    mean = distances.sum() / apart.sum().clamp(min=1)
    return distances / torch.where(mean > 0, mean, 1.0)


def _angles(differences: Tensor) -> Tensor:
    """[B, B, B]: at (i, j, k) the cosine at i between the ways to j and to k."""
    directions = unit_vectors(differences)
    return directions @ directions.transpose(1, 2)
