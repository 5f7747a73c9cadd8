"""The divergence in two parts, of the label's class and of the others, each with a weight of its own."""

import torch
from torch import Tensor
from torch.nn import functional

from kdbench.spec.types import NonNegative, Temperature, Weight
from kdbench.zoo.interface import Moment, NotApplicable, Outputs
from kdbench.zoo.losses.phases import Phase


def dkd(
    student: Outputs,
    teacher: Outputs,
    labels: Tensor,
    moment: Moment,
    *,
    temperature: Temperature = 4.0,
    alpha: Weight = 1.0,
    beta: Weight = 8.0,
    warmup_epochs: NonNegative | None = None,
    ce_weight: NonNegative = 1.0,
) -> Tensor:
    """Divergence on the label's class and divergence among the others, decoupled, with cross-entropy to the labels.

    Formula: w * T^2 * (alpha * KL(b_t || b_s) + beta * KL(phat_t || phat_s)) + ce_weight * CE(z_s, y), mean over the
    batch; p = softmax(z / T), b = (p_y, 1 - p_y), phat = p over the classes other than y, normalized;
    w = min(epoch / warmup_epochs, 1).
    Shapes: logits [B, C] of both; labels [B], int64, or their shares [B, C], of at most two classes a sample, as mixup
    makes them: the mean over both classes, weighted by share. Gives a scalar, float32.
    Units: nats per sample, the divergences times T^2. Without a number, `warmup_epochs` are 20 of 240 epochs, in
    proportion; 0 is none.
    Raises: NotApplicable for fewer than 2 classes, and for 2 where beta is above 0: one other class is alone.
    Source: Zhao et al. 2022, DKD (arXiv:2203.08679), section 3; T 4, alpha 1, the warm-up, and beta 8 as in its code
    for the pair resnet32x4 and resnet8x4; by pair its beta is 2, 6 or 8.
    Differs: w rises with every step, from 0; in the code with every epoch, from 1 / 20 in the first.
    """
    require_others("dkd", student.logits, "beta", beta)
    z_s, z_t = student.logits.float(), teacher.logits.detach().float()
    decoupled = torch.zeros_like(z_s[:, 0])
    for own, share in owners(labels):
        (b_s, others_s), (b_t, others_t) = (_log_parts(z / temperature, own) for z in (z_s, z_t))
        decoupled = decoupled + share * (alpha * _divergence(b_s, b_t) + beta * _divergence(others_s, others_t))
    rising = Phase(warmup_epochs, published=20).risen(moment)
    return rising * temperature**2 * decoupled.mean() + ce_weight * functional.cross_entropy(z_s, labels)


def require_others(loss: str, logits: Tensor, option: str, weight: float) -> None:
    """Raise NotApplicable for logits [B, 1], and for [B, 2] where the `weight` of the other classes is above 0."""
    classes = logits.shape[1]
    if classes < 2:
        raise NotApplicable(f"{loss} needs at least 2 classes, got {classes}")
    if classes == 2 and weight > 0:
        raise NotApplicable(
            f"{option} = {weight:g} of {loss} weighs what the classes other than the label's are among themselves, and "
            f"of 2 classes that is nothing: give {option} = 0"
        )


def owners(labels: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The classes [B] that labels [B] or shares [B, C] name, at most two a sample, each with its share [B]."""
    if labels.ndim == 1:
        return [(labels, torch.ones_like(labels, dtype=torch.float32))]
    shares, classes = labels.float().topk(2, dim=1)
    return [(classes[:, i], shares[:, i]) for i in range(2)]


def others(logits: Tensor, own: Tensor) -> Tensor:
    """The logits [B, C - 1] of the classes other than `own` [B].

    Left out, not masked: -1000 in their place is no mask for logits of 1e4, and -inf makes 0 * inf in the divergence.
    """
    index = torch.arange(logits.shape[1] - 1, device=logits.device)[None, :]
    return logits.gather(1, index + (index >= own[:, None]))


def _log_parts(logits: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
    """Logarithms of (p_own, 1 - p_own) [B, 2] and of the other classes' probabilities among themselves [B, C - 1]."""
    rest = others(logits, own)
    pair = torch.stack((logits.gather(1, own[:, None]).squeeze(1), rest.logsumexp(dim=1)), dim=1)
    return functional.log_softmax(pair, dim=1), functional.log_softmax(rest, dim=1)


def _divergence(log_s: Tensor, log_t: Tensor) -> Tensor:
    """KL(t || s) of each sample, [B]."""
    return functional.kl_div(log_s, log_t, reduction="none", log_target=True).sum(dim=1)
