"""Cross-entropy with the teacher's probabilities in the place of labels."""

from torch import Tensor
from torch.nn import functional

from kdbench.spec.types import NonNegative, Temperature, Weight
from kdbench.zoo.interface import Outputs
from kdbench.zoo.losses.cross_entropy import labels_term


def soft_cross_entropy(
    student: Outputs,
    teacher: Outputs,
    labels: Tensor | None,
    *,
    temperature: Temperature = 1.0,
    weight: Weight = 1.0,
    ce_weight: NonNegative = 1.0,
) -> Tensor:
    """Cross-entropy to the teacher's probabilities, with cross-entropy to the labels.

    Formula: weight * T^2 * -sum_k softmax(z_t / T)_k log softmax(z_s / T)_k + ce_weight * CE(z_s, y); batch mean.
    Shapes: logits [B, C] of both; labels [B], int64. Gives a scalar, float32.
    Units: nats per sample; at best it is the teacher's entropy (times T^2), not 0.
    Raises: nothing.
    Source: Hinton, Vinyals, Dean 2015 (arXiv:1503.02531), section 2; FKD (arXiv:2112.01528) without the labels' term.
    Differs: its gradient is that of `kd` with the same options; only the value shifts, by the teacher's entropy.
    """
    p_t = functional.softmax(teacher.logits.detach().float() / temperature, dim=1)
    log_s = functional.log_softmax(student.logits.float() / temperature, dim=1)
    soft = -(p_t * log_s).sum(dim=1).mean()
    return weight * temperature**2 * soft + labels_term(student.logits.float(), labels, ce_weight)
