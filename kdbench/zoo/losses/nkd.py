"""Cross-entropies to the teacher, one on the label's class and one among the others, normalized."""

import torch
from torch import Tensor
from torch.nn import functional

from kdbench.spec.types import NonNegative, Temperature, Weight
from kdbench.zoo.interface import Outputs
from kdbench.zoo.losses.dkd import others, owners, require_others


def nkd(
    student: Outputs,
    teacher: Outputs,
    labels: Tensor,
    *,
    temperature: Temperature = 1.0,
    gamma: Weight = 1.5,
    ce_weight: NonNegative = 1.0,
) -> Tensor:
    """Cross-entropy on the label's class, weighed by the teacher, and among the others, with that to the labels.

    Formula: -p_t[y] log p_s[y] - gamma * T^2 * sum_(k != y) phat_t[k] log phat_s[k] + ce_weight * CE(z_s, y), mean over
    the batch; p = softmax(z), phat = softmax(z / T) over the classes other than y.
    Shapes: logits [B, C] of both; labels [B], int64, or their shares [B, C], of at most two classes a sample, as mixup
    makes them: the mean over both classes, weighted by share. Gives a scalar, float32.
    Units: nats per sample; at best it is the entropies of the teacher, not 0.
    Raises: NotApplicable for fewer than 2 classes, and for 2 where gamma is above 0: one other class is alone.
    Source: Yang et al. 2023, NKD (arXiv:2303.13005); gamma 1.5 and T 1 as in its code.
    Differs: under mixup, where the code takes the class of the greatest share for the whole label. As in the paper the
    first term is no divergence: a student surer of the label than the teacher is never charged for it.
    """
    require_others("nkd", student.logits, "gamma", gamma)
    z_s, z_t = student.logits.float(), teacher.logits.detach().float()
    log_s, p_t = functional.log_softmax(z_s, dim=1), functional.softmax(z_t, dim=1)
    value = torch.zeros_like(z_s[:, 0])
    for own, share in owners(labels):
        target = -(p_t * log_s).gather(1, own[:, None]).squeeze(1)
        phat_t = functional.softmax(others(z_t, own) / temperature, dim=1)
        rest = -(phat_t * functional.log_softmax(others(z_s, own) / temperature, dim=1)).sum(dim=1)
        value = value + share * (target + gamma * temperature**2 * rest)
    return value.mean() + ce_weight * functional.cross_entropy(z_s, labels)
