"""Test images under a condition: the same corruption of a sample for every trial, seed and suite."""

import torch
from torch import Tensor

from kdbench.spec import Choice
from kdbench.train.build import build_view
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.interface import Draw


def apply_condition(images: Tensor, positions: Tensor, choice: Choice, catalog: Catalog) -> Tensor:
    """Normalized images [B, C, H, W] under a condition, a choice among the views.

    `positions` [B] int64 are the samples' places in their split: they and the choice decide what is drawn, however
    samples are batched. Comes back in the memory layout that `normalize` gives. Raises `NotApplicable` where the view
    cannot serve these images.
    """
    seen = build_view(choice, catalog)(images, Draw(0, 0, positions, purpose="condition"))
    return seen.contiguous(memory_format=torch.channels_last)
