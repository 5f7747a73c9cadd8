"""Regression on the teacher's logits."""

from torch import Tensor
from torch.nn import functional

from kdbench.spec.types import NonNegative, Weight
from kdbench.zoo.interface import Outputs
from kdbench.zoo.losses.cross_entropy import labels_term


def logit_mse(
    student: Outputs, teacher: Outputs, labels: Tensor | None, *, weight: Weight = 0.1, ce_weight: NonNegative = 1.0
) -> Tensor:
    """Mean squared difference of the logits, with cross-entropy to the labels.

    Formula: weight * mean over batch and classes of (z_s - z_t)^2 + ce_weight * CE(z_s, y).
    Shapes: logits [B, C] of both; labels [B], int64. Gives a scalar, float32.
    Units: squared logits, plus nats per sample.
    Raises: nothing.
    Source: Ba & Caruana 2014 (arXiv:1312.6184), equation 1.
    Differs: the paper sums over classes and halves; the mean keeps one weight usable for any number of classes.
    """
    z_s = student.logits.float()
    difference = functional.mse_loss(z_s, teacher.logits.detach().float())
    return weight * difference + labels_term(z_s, labels, ce_weight)
