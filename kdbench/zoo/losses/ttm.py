"""The teacher's probabilities to a power: temperature on the teacher alone, with or without weights by sample."""

from torch import Tensor
from torch.nn import functional

from kdbench.spec.types import Factor, NonNegative, Weight
from kdbench.zoo.interface import Outputs
from kdbench.zoo.losses.cross_entropy import labels_term


def ttm(
    student: Outputs,
    teacher: Outputs,
    labels: Tensor | None,
    *,
    gamma: Factor = 0.1,
    weight: Weight = 45.0,
    ce_weight: NonNegative = 1.0,
) -> Tensor:
    """Divergence of the student, at temperature 1, from the teacher's transformed probabilities, with cross-entropy.

    Formula: weight * KL(p_t^gamma / U || p_s) + ce_weight * CE(z_s, y), mean over the batch; p = softmax(z) and
    U = sum_k p_t[k]^gamma. The target is softmax(gamma z_t): gamma is 1 / T of the teacher.
    Shapes: logits [B, C] of both; labels [B], int64. Gives a scalar, float32.
    Units: nats per sample. At best 0, where z_s = gamma z_t but for a constant, so not at a student like its teacher.
    Raises: nothing.
    Source: Zheng & Yang 2024, TTM (arXiv:2402.11148); gamma .1 and weight 45, of its code's values by pair.
    Differs: nothing.
    """
    divergence, _ = _transformed(student, teacher, gamma)
    return weight * divergence.mean() + labels_term(student.logits.float(), labels, ce_weight)


def wttm(
    student: Outputs,
    teacher: Outputs,
    labels: Tensor | None,
    *,
    gamma: Factor = 0.2,
    weight: Weight = 4.0,
    ce_weight: NonNegative = 1.0,
) -> Tensor:
    """The divergence of `ttm` times a sample's weight, larger where the teacher is less certain, with cross-entropy.

    Formula: weight * U * KL(p_t^gamma / U || p_s) + ce_weight * CE(z_s, y), mean over the batch; p = softmax(z) and
    U = sum_k p_t[k]^gamma, from 1 (a certain teacher) to C^(1 - gamma) (a uniform one), for gamma below 1.
    Shapes: logits [B, C] of both; labels [B], int64. Gives a scalar, float32.
    Units: nats per sample, times U.
    Raises: nothing.
    Source: Zheng & Yang 2024, WTTM (arXiv:2402.11148); gamma .2 and weight 4, of its code's values by pair.
    Differs: nothing.
    """
    divergence, power_sum = _transformed(student, teacher, gamma)
    weighed = (power_sum * divergence).mean()
    return weight * weighed + labels_term(student.logits.float(), labels, ce_weight)


def _transformed(student: Outputs, teacher: Outputs, gamma: float) -> tuple[Tensor, Tensor]:
    """KL(p_t^gamma / U || p_s) and U of each sample, [B] both; in logarithms, for p_t that rounds to 0."""
    power = gamma * functional.log_softmax(teacher.logits.detach().float(), dim=1)
    log_s = functional.log_softmax(student.logits.float(), dim=1)
    log_t = functional.log_softmax(power, dim=1)
    divergence = functional.kl_div(log_s, log_t, reduction="none", log_target=True).sum(dim=1)
    return divergence, power.logsumexp(dim=1).exp()
