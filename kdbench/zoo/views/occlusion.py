"""A square that hides a part of the image."""

import torch
from torch import Tensor

from kdbench.spec.types import Fraction
from kdbench.zoo.interface import Draw


def occlusion(images: Tensor, draw: Draw, *, share: Fraction = 0.35) -> Tensor:
    """A square of zeros that lies within the image, its place drawn for each sample and epoch.

    Shapes: images [B, C, H, W], any type, to the same. The place is uniform among those where the whole square fits,
    so the same area is hidden in every sample (`cutout` loses what lies outside).
    Units: share of the shorter side, rounded to whole pixels, at least 1. Zero is the mean in normalized images and
    black in raw ones.
    Raises: nothing.
    Source: DeVries and Taylor 2017 (arXiv:1708.04552), cutout, here of test images; severities as in Hendrycks and
    Dietterich 2019 (arXiv:1903.12261).
    """
    height, width = images.shape[2:]
    side = max(1, int(share * min(height, width) + 0.5))
    top = draw.integers("occlusion.y", height - side + 1)
    left = draw.integers("occlusion.x", width - side + 1)
    rows = torch.arange(height, device=images.device) - top[:, None]  # [B, H], counted from the square's first
    columns = torch.arange(width, device=images.device) - left[:, None]  # [B, W]
    rows_hidden = (rows >= 0) & (rows < side)
    columns_hidden = (columns >= 0) & (columns < side)
    return images.masked_fill((rows_hidden[:, :, None] & columns_hidden[:, None, :])[:, None], 0)
