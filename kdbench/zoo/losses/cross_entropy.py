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
