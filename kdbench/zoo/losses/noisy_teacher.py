"""A noisy teacher: its logits are perturbed, with noise drawn anew for each sample and epoch."""

import torch
from torch import Tensor

from kdbench.spec.types import NonNegative, Share, Temperature, Weight
from kdbench.zoo.interface import Draw, Moment, Outputs
from kdbench.zoo.losses.kd import kd


def noisy_teacher(
    student: Outputs,
    teacher: Outputs,
    labels: Tensor | None,
    moment: Moment,
    *,
    variance: Weight = 0.1,
    probability: Share = 0.5,
    temperature: Temperature = 4.0,
    weight: Weight = 0.9,
    ce_weight: NonNegative = 0.1,
) -> Tensor:
    """Knowledge distillation from a teacher some of whose logits are each multiplied by a random factor around 1.

    Formula: weight * T^2 * KL(softmax(z' / T) || softmax(z_s / T)) + ce_weight * CE(z_s, y); mean over the batch.
    z' = (1 + xi) * z_t for a sample that is chosen, with `probability`, else z_t; xi [C] normal, one for each logit, of
    mean 0 and `variance`.
    Shapes: logits [B, C] of both; labels [B], int64. Gives a scalar, float32.
    Units: nats per sample, the divergence times T^2.
    Raises: nothing.
    Source: Sau, Balasubramanian 2016, Deep Model Compression: Distilling Knowledge from Noisy Teachers
    (arXiv:1610.09650); T and weights as in kd.
    Differs: the paper's student regresses the noisy logits by squared error; here they take the teacher's place in kd,
    so that the noise is all that is new. The noise is a function of seed, epoch and sample, however they are batched.
    """
    noisy = perturb(teacher.logits.detach().float(), moment.draw, variance, probability)
    return kd(student, Outputs(noisy), labels, temperature=temperature, weight=weight, ce_weight=ce_weight)


def perturb(logits: Tensor, draw: Draw, variance: float, probability: float) -> Tensor:
    """Logits [B, C], those of the chosen samples times 1 + noise."""
    classes = logits.shape[1]
    # The first half of twice as many: a class's noise does not depend on how many others there are.
    noise = draw.normal("noisy_teacher noise", 2 * classes)[:, :classes]
    chosen = draw.uniform("noisy_teacher chosen") < probability  # [B, 1]
    return torch.where(chosen, (1 + variance**0.5 * noise) * logits, logits)
