"""Squared difference of probabilities: common in tutorials, weak in practice."""

from torch import Tensor
from torch.nn import functional

from kdbench.spec.types import NonNegative, Weight
from kdbench.zoo.interface import Outputs
from kdbench.zoo.losses.cross_entropy import labels_term


def probability_mse(
    student: Outputs, teacher: Outputs, labels: Tensor | None, *, weight: Weight = 1.0, ce_weight: NonNegative = 1.0
) -> Tensor:
    """Squared difference of the probabilities, with cross-entropy to the labels.

    Warning: its gradient is tiny. It passes through the softmax's Jacobian, diag(p_s) - p_s p_s', which vanishes where
    the student is certain, right or wrong; expect it to act like labels alone, and raise `weight` before judging it.

    Formula: weight * sum_k (softmax(z_t)_k - softmax(z_s)_k)^2 + ce_weight * CE(z_s, y); mean over the batch.
    Shapes: logits [B, C] of both; labels [B], int64. Gives a scalar, float32.
    Units: squared probability, between 0 and 2, plus nats per sample.
    Raises: nothing.
    Source: the Brier score (Brier 1950) with the teacher's probabilities as the outcome. Texts on distilling ensembles
    add it to cross-entropy; `weight` is their alpha.
    Differs: sums over classes where `mse_loss` would average, which makes the gradient C times smaller still.
    """
    p_t = functional.softmax(teacher.logits.detach().float(), dim=1)
    z_s = student.logits.float()
    difference = (p_t - functional.softmax(z_s, dim=1)).square().sum(dim=1).mean()
    return weight * difference + labels_term(z_s, labels, ce_weight)
