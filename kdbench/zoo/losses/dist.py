"""Correlation instead of divergence: the student matches the teacher's relations, not its probabilities."""

from torch import Tensor
from torch.nn import functional

from kdbench.spec.types import NonNegative, Temperature, Weight
from kdbench.zoo.interface import NotApplicable, Outputs
from kdbench.zoo.losses.cross_entropy import labels_term


def dist(
    student: Outputs,
    teacher: Outputs,
    labels: Tensor | None,
    *,
    temperature: Temperature = 4.0,
    beta: Weight = 1.0,
    gamma: Weight = 1.0,
    weight: Weight = 2.0,
    ce_weight: NonNegative = 1.0,
) -> Tensor:
    """Pearson distance of rows and of columns of the softened probabilities, with cross-entropy to the labels.

    Formula: weight * T^2 * (beta * mean over samples of (1 - rho(p_s, p_t)) + gamma * mean over classes of (1 - rho of
    the class's column)) + ce_weight * CE(z_s, y); p = softmax(z / T), rho Pearson's correlation, 0 for a constant.
    Shapes: logits [B, C] of both; labels [B], int64. Gives a scalar, float32.
    Units: correlation distance, between 0 and 2 each, times T^2, plus nats per sample.
    Raises: NotApplicable for a batch of one sample or one class, which has no correlation, and for 2 classes where beta
    is above 0: any two numbers correlate by 1 or -1, without a gradient.
    Source: Huang et al. 2022, DIST (arXiv:2205.10536); weights and T 4 as its code uses on CIFAR-100 (T 1 on ImageNet).
    Differs: each of the two norms counts as at least 1e-8, where the authors' code adds 1e-8 to their product: where
    both predictions are nearly one class at T 1, the gradient here is up to 27 times theirs. As in the paper's code T^2
    is there although correlation knows no scale, so the gradient grows with T; and means over classes count those of
    probability 0.
    """
    samples, classes = student.logits.shape
    if samples < 2 or classes < 2:
        raise NotApplicable(
            f"dist correlates over samples and classes, at least 2 of each: the batch has {samples} and {classes}; "
            "choose another batch size"
        )
    if classes == 2 and beta > 0:
        raise NotApplicable(
            f"beta = {beta:g} of dist weighs correlations over the classes of a sample, and over 2 each is 1 or "
            "-1, without a gradient: give beta = 0"
        )
    p_s = functional.softmax(student.logits.float() / temperature, dim=1)
    p_t = functional.softmax(teacher.logits.detach().float() / temperature, dim=1)
    distance = beta * _distance(p_s, p_t, dim=1) + gamma * _distance(p_s, p_t, dim=0)
    return weight * temperature**2 * distance + labels_term(student.logits.float(), labels, ce_weight)


def _distance(one: Tensor, other: Tensor, dim: int) -> Tensor:
    """1 - Pearson's correlation along `dim`, mean over the other one. No norm counts as less than 1e-8."""
    one, other = (p - p.mean(dim=dim, keepdim=True) for p in (one, other))
    return 1 - functional.cosine_similarity(one, other, dim=dim, eps=1e-8).mean()
