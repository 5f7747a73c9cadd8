"""Hard distillation: the class that the teacher predicts is the label."""

from torch import Tensor
from torch.nn import functional

from kdbench.spec.types import NonNegative, Weight
from kdbench.zoo.interface import Outputs
from kdbench.zoo.losses.cross_entropy import labels_term


def pseudo_label(
    student: Outputs, teacher: Outputs, labels: Tensor | None, *, weight: Weight = 0.5, ce_weight: NonNegative = 0.5
) -> Tensor:
    """Cross-entropy to the class that the teacher predicts, with cross-entropy to the labels.

    Formula: weight * CE(z_s, argmax z_t) + ce_weight * CE(z_s, y); mean over the batch.
    Shapes: logits [B, C] of both; labels [B], int64. Gives a scalar, float32.
    Units: nats per sample.
    Raises: nothing.
    Source: Touvron et al. 2021, DeiT (arXiv:2012.12877), equation 3.
    Differs: one head learns both terms; DeiT gives the teacher's term a token and a head of its own.
    """
    z_s = student.logits.float()
    decided = teacher.logits.detach().argmax(dim=1)
    return weight * functional.cross_entropy(z_s, decided) + labels_term(z_s, labels, ce_weight)
