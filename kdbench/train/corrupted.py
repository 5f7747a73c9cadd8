"""Test images under an environment: the same corruption of a sample for every trial, seed and suite."""

import torch
from torch import Tensor

from kdbench.spec import Choice
from kdbench.train.build import build_view
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.interface import Draw

# What environments are drawn from. No seed of a suite is negative, and -1 is the bank's.
ENVIRONMENT = -2


def apply_environment(images: Tensor, positions: Tensor, choice: Choice, catalog: Catalog) -> Tensor:
    """Normalized images [B, C, H, W] as an environment, a choice among the views, shows them.

    `positions` [B] int64 are the samples' places in their split: they and the choice decide what is drawn, however
    samples are batched. Comes back in the memory layout that `normalize` gives. Raises `NotApplicable` where the view
    cannot serve these images.
    """
    seen = build_view(choice, catalog)(images, Draw(ENVIRONMENT, 0, positions))
    return seen.contiguous(memory_format=torch.channels_last)
