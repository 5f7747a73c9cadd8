"""Test images under a condition: the same corruption for every trial, seed and suite, or an attack on one network."""

import torch
from torch import Tensor, nn

from kdbench.train.build import BuiltView
from kdbench.zoo.interface import Draw


def apply_condition(
    images: Tensor, positions: Tensor, view: BuiltView, model: nn.Module | None = None, labels: Tensor | None = None
) -> Tensor:
    """Normalized images [B, C, H, W] under a condition, which is a view; an attack is given the network and the labels.

    `positions` [B] int64 are the samples' places in their split: they and the choice decide what is drawn, however
    samples are batched. Comes back in the memory layout that `normalize` gives. Raises `NotApplicable` where the view
    cannot serve these images.
    """
    seen = view(images, Draw(0, 0, positions, purpose="condition"), model, labels)
    return seen.contiguous(memory_format=torch.channels_last)
