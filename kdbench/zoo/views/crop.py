"""Random crops of zero-padded images."""

import torch
from torch import Tensor
from torch.nn import functional

from kdbench.spec.types import Count
from kdbench.zoo.interface import Draw


def crop(images: Tensor, draw: Draw, *, padding: Count = 4) -> Tensor:
    """A window of the original size from the image padded with zeros, its place drawn anew for each sample and epoch.

    Shapes: images [B, C, H, W], uint8 or float, to the same. Vertical and horizontal offsets are uniform in
    0 to 2 * padding pixels; both equal to `padding` leaves the image as it is.
    Units: padding in pixels, on each side. Zero is black in raw images and the mean in normalized ones.
    Raises: nothing.
    Source: He et al. 2016 (arXiv:1512.03385), section 4.2.
    """
    samples, channels, height, width = images.shape
    padded = functional.pad(images, (padding,) * 4)
    top = draw.integers("crop.y", 2 * padding + 1)
    left = draw.integers("crop.x", 2 * padding + 1)
    rows = top[:, None] + torch.arange(height, device=images.device)  # [B, H]
    columns = left[:, None] + torch.arange(width, device=images.device)  # [B, W]
    # Two gathers over expanded (not copied) indices: one pass per axis, whatever the offsets.
    padded = padded.gather(2, rows[:, None, :, None].expand(samples, channels, height, padded.shape[3]))
    return padded.gather(3, columns[:, None, None, :].expand(samples, channels, height, width))
