"""Square holes."""

import torch
from torch import Tensor

from kdbench.spec.types import Count, Fraction
from kdbench.zoo.interface import Draw


def cutout(images: Tensor, draw: Draw, *, size: Count = 16, probability: Fraction = 1.0) -> Tensor:
    """A square of zeros in the image, with this probability, its place drawn anew for each sample and epoch.

    Shapes: images [B, C, H, W], any type, to the same. The square's centre is a uniform pixel; what lies outside the
    image is lost. An even `size` reaches one pixel farther up and left than down and right.
    Units: size in pixels, of an edge. Zero is black in raw images and the mean in normalized ones.
    Raises: nothing.
    Source: DeVries and Taylor 2017 (arXiv:1708.04552), section 3; 16 as on CIFAR-10 (8 on CIFAR-100).
    Differs: the paper's code masks normalized images, so its zeros are the mean; as an augmentation, ours are black.
    Its squares of odd size are one pixel smaller.
    """
    height, width = images.shape[2:]
    top = draw.integers("cutout.y", height) - size // 2
    left = draw.integers("cutout.x", width) - size // 2
    rows = torch.arange(height, device=images.device) - top[:, None]  # [B, H], counted from the square's first
    columns = torch.arange(width, device=images.device) - left[:, None]  # [B, W]
    rows_cut = (rows >= 0) & (rows < size) & (draw.uniform("cutout") < probability)
    columns_cut = (columns >= 0) & (columns < size)
    return images.masked_fill((rows_cut[:, :, None] & columns_cut[:, None, :])[:, None], 0)
