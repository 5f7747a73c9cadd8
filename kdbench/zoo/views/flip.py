"""Random mirror images."""

import torch
from torch import Tensor

from kdbench.spec.types import Fraction
from kdbench.zoo.interface import Draw


def flip(images: Tensor, draw: Draw, *, probability: Fraction = 0.5) -> Tensor:
    """The image mirrored left to right with this probability, drawn anew for each sample and epoch.

    Shapes: images [B, C, H, W], any type, to the same.
    Raises: nothing.
    Source: He et al. 2016 (arXiv:1512.03385), section 4.2.
    """
    mirrored = draw.uniform("flip") < probability  # [B, 1]
    return torch.where(mirrored[:, :, None, None], images.flip(3), images)
