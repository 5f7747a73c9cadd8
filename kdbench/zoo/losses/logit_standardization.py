"""Distillation of logits that are brought to mean 0 and deviation 1 first: the teacher's scale is not taught."""

from torch import Tensor

from kdbench.spec.types import NonNegative, Temperature, Weight
from kdbench.zoo.interface import NotApplicable, Outputs
from kdbench.zoo.losses.cross_entropy import labels_term
from kdbench.zoo.losses.kd import softened_divergence


def logit_standardization(
    student: Outputs,
    teacher: Outputs,
    labels: Tensor | None,
    *,
    temperature: Temperature = 2.0,
    weight: Weight = 9.0,
    ce_weight: NonNegative = 0.1,
) -> Tensor:
    """Divergence from the teacher's probabilities, both from standardized logits, with cross-entropy to the labels.

    Formula: weight * T^2 * KL(softmax(n(z_t) / T) || softmax(n(z_s) / T)) + ce_weight * CE(z_s, y), batch mean;
    n(z) = (z - mean) / (deviation + 1e-7) over a sample's classes, the deviation's divisor being C - 1.
    Shapes: logits [B, C] of both; labels [B], int64. Gives a scalar, float32.
    Units: nats per sample, the divergence times T^2.
    Raises: NotApplicable for fewer than 3 classes: any two logits standardize to the same pair, so nothing is taught.
    Source: Sun et al. 2024 (arXiv:2403.01427); T 2, 9 and .1 as in its code for CIFAR-100.
    Differs: nothing of the code. As there, classes of probability 0 shift mean and deviation, and the gradient is
    steep without bound where the logits of a sample are almost equal.
    """
    classes = student.logits.shape[1]
    if classes < 3:
        raise NotApplicable(
            f"logit_standardization needs at least 3 classes, got {classes}: two are always standardized alike"
        )
    z_s, z_t = student.logits.float(), teacher.logits.detach().float()
    divergence = softened_divergence(_standardize(z_s), _standardize(z_t), temperature)
    return weight * temperature**2 * divergence + labels_term(z_s, labels, ce_weight)


def _standardize(logits: Tensor) -> Tensor:
    centred = logits - logits.mean(dim=1, keepdim=True)
    return centred / (logits.std(dim=1, keepdim=True) + 1e-7)
