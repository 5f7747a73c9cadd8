"""The student alone, trained on the labels."""

from torch import Tensor
from torch.nn import functional

from kdbench.zoo.interface import Outputs


def cross_entropy(student: Outputs, labels: Tensor) -> Tensor:
    """Cross-entropy to the labels: the student alone, against which every gain is measured.

    Formula: mean over the batch of -log softmax(z_s)[y].
    Shapes: logits [B, C]; labels [B], int64. Gives a scalar, float32.
    Units: nats per sample.
    Raises: nothing.
    Source: Hinton, Vinyals, Dean 2015 (arXiv:1503.02531), the baseline.
    Differs: nothing.
    """
    return functional.cross_entropy(student.logits.float(), labels)


def labels_term(z_s: Tensor, labels: Tensor | None, weight: float) -> Tensor:
    """weight * CE(z_s, y) of logits [B, C], float32: what a loss that a teacher teaches adds for labels; 0 without."""
    return z_s.new_zeros(()) if labels is None else weight * functional.cross_entropy(z_s, labels)
