"""Distillation of logits that are brought to mean 0 and deviation 1 first: the teacher's scale is not taught."""

from torch import Tensor
from torch.nn import functional

from kdbench.spec.types import NonNegative, Positive
from kdbench.zoo.interface import NotApplicable, Outputs


def logit_standardization(
    student: Outputs,
    teacher: Outputs,
    labels: Tensor,
    *,
    temperature: Positive = 2.0,
    weight: NonNegative = 9.0,
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
    log_t = functional.log_softmax(_standardize(teacher.logits.detach().float()) / temperature, dim=1)
    log_s = functional.log_softmax(_standardize(student.logits.float()) / temperature, dim=1)
    divergence = functional.kl_div(log_s, log_t, reduction="batchmean", log_target=True)
    cross_entropy = functional.cross_entropy(student.logits.float(), labels)
    return weight * temperature**2 * divergence + ce_weight * cross_entropy


def _standardize(logits: Tensor) -> Tensor:
    centred = logits - logits.mean(dim=1, keepdim=True)
    return centred / (logits.std(dim=1, keepdim=True) + 1e-7)
