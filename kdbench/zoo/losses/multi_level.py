"""Probabilities aligned at several temperatures and three levels: by sample, between samples, between classes."""

import torch
from torch import Tensor
from torch.nn import functional

from kdbench.spec.types import Count, NonNegative, Positive, Weight
from kdbench.zoo.interface import Outputs
from kdbench.zoo.losses.cross_entropy import labels_term


def multi_level(
    student: Outputs,
    teacher: Outputs,
    labels: Tensor | None,
    *,
    temperatures: tuple[Positive, ...] = (2.0, 3.0, 4.0, 5.0, 6.0),
    weight: Weight = 0.9,
    ce_weight: NonNegative = 0.1,
    reference_batch: Count = 64,
) -> Tensor:
    """Divergence, and squared differences of samples' and of classes' Gram matrices, with cross-entropy to the labels.

    Formula: weight * sum over T of (T^2 KL(P_t || P_s) + N |P_t P_t' - P_s P_s'|^2 / B^2 + N^2 |P_t' P_t - P_s' P_s|^2
    / (B^2 C)) + ce_weight * CE(z_s, y); P = softmax(z / T) [B, C], N the reference batch; KL is a mean over the batch.
    Shapes: logits [B, C] of both; labels [B], int64. Gives a scalar, float32.
    Units: nats per sample, times T^2, and squared probabilities.
    Raises: nothing.
    Source: Jin, Wang, Lin 2023, Multi-Level Logit Distillation (CVPR 2023); weights and temperatures as in its code.
    Differs: the paper's Gram terms are |.|^2 / B and |.|^2 / C, which grow with the batch: they equal those here at
    B = N, the code's batch size, and here no longer depend on B. One view of each image, where the code also teaches a
    strongly augmented one; no masks of the samples and classes that the teacher is surest of, which the code applies to
    terms that are scalars by then, so that they only halve them.
    """
    z_s, z_t = student.logits.float(), teacher.logits.detach().float()
    levels = [_levels(z_s / t, z_t / t, t, reference_batch) for t in temperatures]
    taught = torch.stack(levels).sum() if levels else z_s.new_zeros(())
    return weight * taught + labels_term(z_s, labels, ce_weight)


def _levels(z_s: Tensor, z_t: Tensor, temperature: float, reference_batch: int) -> Tensor:
    """The three terms of one temperature, of logits that are divided by it."""
    samples, classes = z_s.shape
    log_s, log_t = functional.log_softmax(z_s, dim=1), functional.log_softmax(z_t, dim=1)
    p_s, p_t = log_s.exp(), log_t.exp()
    by_sample = functional.kl_div(log_s, log_t, reduction="batchmean", log_target=True)
    between_samples = (p_t @ p_t.T - p_s @ p_s.T).square().sum() * reference_batch / samples**2
    between_classes = (p_t.T @ p_t - p_s.T @ p_s).square().sum() * (reference_batch / samples) ** 2 / classes
    return temperature**2 * by_sample + between_samples + between_classes
