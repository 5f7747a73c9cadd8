"""Mixup: every image and label mixed with another sample's."""

from dataclasses import replace
from functools import cache

import torch
from scipy import special
from torch import Tensor
from torch.nn import functional

from kdbench.zoo.interface import Draw

_QUANTILES = 2**16


def partners(draw: Draw, samples: int) -> Draw:
    """With which of `samples` training samples each one is mixed: the partner, as the same epoch shows it."""
    return replace(draw, samples=draw.integers("mixup.partner", samples))


def mix(
    images: Tensor, labels: Tensor, others: Tensor, other_labels: Tensor, draw: Draw, alpha: float, classes: int
) -> tuple[Tensor, Tensor]:
    """Convex combinations: images [B, C, H, W], float32, and the same combination of the labels, [B, classes], float32.

    The share of each sample is drawn from Beta(alpha, alpha), one of 65,536 equally likely quantiles.
    Source: Zhang et al. 2018 (arXiv:1710.09412), equation 1. Differs: each sample has a share and a partner of its own,
    any of the training split, where the paper's code shuffles the batch: a sample's mix does not depend on its batch.
    """
    share = _beta_quantiles(alpha, images.device)[draw.integers("mixup.share", _QUANTILES)]
    mixed = torch.lerp(others, images, share[:, None, None, None])
    own, other = (functional.one_hot(which, classes).float() for which in (labels, other_labels))
    return mixed.contiguous(memory_format=torch.channels_last), torch.lerp(other, own, share[:, None])


@cache
def _beta_quantiles(alpha: float, device: torch.device) -> Tensor:
    middles = (torch.arange(_QUANTILES, dtype=torch.float64) + 0.5) / _QUANTILES
    return torch.from_numpy(special.betaincinv(alpha, alpha, middles.numpy())).float().to(device)
