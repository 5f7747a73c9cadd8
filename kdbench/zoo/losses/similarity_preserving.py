"""Similarity-preserving distillation: samples that are alike to the teacher become alike to the student."""

from torch import Tensor
from torch.nn import functional

from kdbench.spec.types import Count, NonNegative, Weight
from kdbench.zoo.interface import Outputs
from kdbench.zoo.layers.taps import Trace
from kdbench.zoo.loss_module import LossModule
from kdbench.zoo.losses.cross_entropy import labels_term
from kdbench.zoo.losses.matching import as_rows, unit_vectors


class SimilarityPreserving(LossModule):
    """Mean squared difference of the batch's similarity matrices under student and teacher, with cross-entropy.

    Formula: weight * ||G_s - G_t||^2 / B^2 + ce_weight * CE(z_s, y); G = F F^T [B, B], each row divided by its L2 norm;
    F [B, all features]. With a reference batch N the first term is times B / N.
    Shapes: logits [B, C]; labels [B], int64; features of any shapes. Gives a scalar, float32.
    Units: squared similarities, plus nats per sample. As published it falls as 1/B, since a row has norm 1 however
    long it is: a short last batch weighs more. With a reference batch it does not depend on B.
    Raises: NotApplicable where a layer does not exist; ValueError for a batch of one.
    Source: Tung & Mori 2019, Similarity-Preserving Knowledge Distillation (arXiv:1907.09682), section 3; weight 3000
    and the last stage as in RepDistiller.
    Differs: one pair of layers, where the paper sums over pairs.
    """

    def __init__(
        self,
        student: Trace,
        teacher: Trace,
        *,
        student_layer: str = "last",
        teacher_layer: str = "last",
        weight: Weight = 3000.0,
        ce_weight: NonNegative = 1.0,
        reference_batch: Count | None = None,
    ) -> None:
        super().__init__(student, teacher, (student_layer,), (teacher_layer,))
        self.weight = weight
        self.ce_weight = ce_weight
        self.reference_batch = reference_batch

    def forward(self, student: Outputs, teacher: Outputs, labels: Tensor | None) -> Tensor:
        [(given, wanted)] = self.paired_features(student, teacher)
        own, others = _similarities(as_rows(given)), _similarities(as_rows(wanted))
        labelled = labels_term(student.logits.float(), labels, self.ce_weight)
        scale = len(own) / self.reference_batch if self.reference_batch else 1.0
        return self.weight * scale * functional.mse_loss(own, others) + labelled


def _similarities(rows: Tensor) -> Tensor:
    """[B, B], each row of L2 norm 1."""
    return unit_vectors(rows @ rows.T)
