"""Probabilistic knowledge transfer: a sample's neighbours under the student have the teacher's probabilities."""

from torch import Tensor

from kdbench.spec.types import Count, NonNegative, Weight
from kdbench.zoo.interface import Outputs
from kdbench.zoo.layers.taps import Trace
from kdbench.zoo.loss_module import LossModule
from kdbench.zoo.losses.cross_entropy import labels_term
from kdbench.zoo.losses.matching import as_rows, unit_vectors


class PKT(LossModule):
    """Divergence of the samples' neighbourhoods, by cosine similarity, under student and teacher, with cross-entropy.

    Formula: weight * mean over [B, B] of P_t log((P_t + 1e-7) / (P_s + 1e-7)) + ce_weight * CE(z_s, y); each row of
    P is (cosine + 1) / 2 over its sum. With a reference batch N the first term is times B / N.
    Shapes: logits [B, C]; labels [B], int64; features of any shapes, flattened. Gives a scalar, float32.
    Units: nats per pair of samples, plus nats per sample. As published it falls as 1/B, since a row sums to 1 however
    long it is: a short last batch weighs more. With a reference batch it does not depend on B.
    Raises: NotApplicable where a layer does not exist; ValueError for a batch of one.
    Source: Passalis & Tefas 2018, Learning Deep Representations with Probabilistic Knowledge Transfer
    (arXiv:1803.10837), with the cosine kernel; weight 30000 and the embedding as in RepDistiller.
    Differs: mean over the matrix as in the authors' code, where the paper sums; a sample is its own neighbour too.
    """

    def __init__(
        self,
        student: Trace,
        teacher: Trace,
        *,
        student_layer: str = "embedding",
        teacher_layer: str = "embedding",
        weight: Weight = 30000.0,
        ce_weight: NonNegative = 1.0,
        reference_batch: Count | None = None,
    ) -> None:
        super().__init__(student, teacher, (student_layer,), (teacher_layer,))
        self.weight = weight
        self.ce_weight = ce_weight
        self.reference_batch = reference_batch

    def forward(self, student: Outputs, teacher: Outputs, labels: Tensor | None) -> Tensor:
        [(given, wanted)] = self.paired_features(student, teacher)
        own, others = _neighbours(as_rows(given)), _neighbours(as_rows(wanted))
        divergence = (others * ((others + 1e-7).log() - (own + 1e-7).log())).mean()
        scale = len(own) / self.reference_batch if self.reference_batch else 1.0
        return self.weight * scale * divergence + labels_term(student.logits.float(), labels, self.ce_weight)


def _neighbours(rows: Tensor) -> Tensor:
    """Probabilities [B, B]: rows sum to 1."""
    directions = unit_vectors(rows)
    similarities = ((directions @ directions.T + 1) / 2).clamp(min=0)  # rounding takes a cosine below -1
    return similarities / similarities.sum(dim=1, keepdim=True)
