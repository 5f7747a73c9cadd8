"""Knowledge distillation as it was first defined: the teacher's softened probabilities are the target."""

from torch import Tensor
from torch.nn import functional

from kdbench.spec.types import NonNegative, Temperature, Weight
from kdbench.zoo.interface import Outputs
from kdbench.zoo.losses.cross_entropy import labels_term


def kd(
    student: Outputs,
    teacher: Outputs,
    labels: Tensor | None,
    *,
    temperature: Temperature = 4.0,
    weight: Weight = 0.9,
    ce_weight: NonNegative = 0.1,
) -> Tensor:
    """Divergence from the teacher's softened probabilities, with cross-entropy to the labels.

    Formula: weight * T^2 * KL(softmax(z_t / T) || softmax(z_s / T)) + ce_weight * CE(z_s, y); mean over the batch.
    Shapes: logits [B, C] of both; labels [B], int64. Gives a scalar, float32.
    Units: nats per sample, the divergence times T^2, so that its gradient keeps its scale across T.
    Raises: nothing.
    Source: Hinton, Vinyals, Dean 2015 (arXiv:1503.02531), section 2; T 4, .9 and .1 as in RepDistiller.
    Differs: the paper states cross-entropy to the soft targets; the divergence has the same gradient and is 0 at best.
    """
    z_s, z_t = student.logits.float(), teacher.logits.detach().float()
    divergence = softened_divergence(z_s, z_t, temperature)
    return weight * temperature**2 * divergence + labels_term(z_s, labels, ce_weight)


def softened_divergence(z_s: Tensor, z_t: Tensor, temperature: float | Tensor) -> Tensor:
    """KL(softmax(z_t / T) || softmax(z_s / T)) of logits [B, C], float32: nats per sample, mean over the batch."""
    log_t = functional.log_softmax(z_t / temperature, dim=1)
    log_s = functional.log_softmax(z_s / temperature, dim=1)
    # 'batchmean': torch's default reduction would divide by the number of classes too.
    return functional.kl_div(log_s, log_t, reduction="batchmean", log_target=True)
