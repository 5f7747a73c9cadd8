"""The teacher's probabilities are the target only where student and teacher predict the same class."""

from typing import Literal

from torch import Tensor
from torch.nn import functional

from kdbench.spec.types import NonNegative, Temperature, Weight
from kdbench.zoo.interface import NotApplicable, Outputs
from kdbench.zoo.losses.cross_entropy import labels_term


def agreement_masked(
    student: Outputs,
    teacher: Outputs,
    labels: Tensor | None,
    *,
    agree_with: Literal["teacher", "label"] = "teacher",
    temperature: Temperature = 0.5,
    weight: Weight = 0.5,
    ce_weight: NonNegative = 0.5,
) -> Tensor:
    """Cross-entropy to the teacher's probabilities where both predict one class, with cross-entropy to the labels.

    Formula: weight * mean of m * -sum_k softmax(z_t / T)_k log softmax(z_s / T)_k + ce_weight * CE(z_s, y), over all of
    the batch; m = 1 where argmax z_s is argmax z_t (`agree_with` label: y, the greatest share of it), else 0.
    Shapes: logits [B, C] of both; labels [B], int64. Gives a scalar, float32.
    Units: nats per sample of the batch, those masked out counted as 0.
    Raises: NotApplicable with `agree_with` label in a lesson without labels.
    Source: the project's seed document on model distillation, its equations for model distillation (`agree_with`
    teacher) and data distillation (label); its lambda is `ce_weight`, 1 - lambda is `weight`.
    Differs: mean over the batch, where the seed sums over samples. As in the seed there is no T^2, so the gradient
    falls as T rises; and the first term is 0 for a sample of which the student predicts another class.
    """
    z_s, z_t = student.logits.float(), teacher.logits.detach().float()
    decided = z_t.argmax(dim=1)
    if agree_with == "label":
        if labels is None:
            raise NotApplicable("agree_with = 'label' needs the labels, which its lesson keeps from it")
        decided = labels if labels.ndim == 1 else labels.argmax(dim=1)
    agrees = z_s.argmax(dim=1) == decided
    p_t = functional.softmax(z_t / temperature, dim=1)
    soft = -(p_t * functional.log_softmax(z_s / temperature, dim=1)).sum(dim=1)
    return weight * (agrees * soft).mean() + labels_term(z_s, labels, ce_weight)
