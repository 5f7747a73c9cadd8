"""Pixels that are fully bright or fully dark."""

import torch
from torch import Tensor

from kdbench.spec.types import Fraction
from kdbench.zoo.interface import Draw


def salt_pepper(images: Tensor, draw: Draw, *, share: Fraction = 0.2) -> Tensor:
    """Each pixel takes, with the probability `share`, the highest or the lowest value of its image, drawn anew.

    Shapes: images [B, C, H, W], any type, to the same. All channels of a pixel change together, to the extremes of each
    channel; both are equally likely.
    Units: share of the pixels.
    Raises: nothing.
    Source: Vincent et al. 2010, Stacked Denoising Autoencoders (JMLR 11), section 3.3, salt-and-pepper noise.
    Differs: the extremes are those of the sample's own image, where the paper's are those of all inputs.
    """
    where = draw.uniform("salt_pepper", images[0, 0].numel()).view(len(images), 1, *images.shape[2:])
    low, high = images.amin(dim=(2, 3), keepdim=True), images.amax(dim=(2, 3), keepdim=True)
    noisy = torch.where(where < share / 2, low, images)
    return torch.where((where >= share / 2) & (where < share), high, noisy)
