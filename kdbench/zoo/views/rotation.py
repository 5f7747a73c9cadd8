"""Rotation by a fixed angle."""

import math

import torch
from torch import Tensor

from kdbench.spec.types import Positive
from kdbench.zoo.interface import Draw
from kdbench.zoo.views.normalized import require_normalized


def rotation(images: Tensor, draw: Draw, *, degrees: Positive = 15.0) -> Tensor:
    """The image turned about its middle by this angle, to the left or to the right: drawn for each sample and epoch.

    Shapes: images [B, C, H, W], normalized floats, to the same. Bilinear between pixels; what comes from outside the
    image is its nearest edge pixel.
    Units: degrees, the same for every sample; only the direction differs, each with probability 1/2.
    Raises: NotApplicable for integer images.
    Source: Engstrom et al. 2019 (arXiv:1712.02779), rotations; severities as in Hendrycks and Dietterich 2019
    (arXiv:1903.12261).
    Differs: the former fills with black, which is not known of normalized images, and turns by up to 30 degrees.
    """
    require_normalized(images, "rotation")
    height, width = images.shape[2:]
    rows, columns = _sources(math.radians(degrees), height, width, images.device)
    direction = draw.integers("rotation", 2)
    pixels = images.flatten(2)
    top, left = rows.long(), columns.long()  # both are at least 0
    bottom, right = (top + 1).clamp(max=height - 1), (left + 1).clamp(max=width - 1)

    def take(row: Tensor, column: Tensor) -> Tensor:
        place = (row * width + column)[direction]  # [B, H * W]
        return pixels.gather(2, place[:, None].expand(-1, images.shape[1], -1))

    # Gathers and plain arithmetic: every value is rounded by itself, so alike in batches of any size.
    down, along = ((part - part.floor()).to(images.dtype)[direction][:, None] for part in (rows, columns))
    upper = take(top, left) + (take(top, right) - take(top, left)) * along
    lower = take(bottom, left) + (take(bottom, right) - take(bottom, left)) * along
    return (upper + (lower - upper) * down).view(images.shape)


def _sources(radians: float, height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Where each pixel comes from: row and column [2, H * W], float32, turned left, and turned right."""
    y = (torch.arange(height, device=device) - (height - 1) / 2)[:, None]
    x = (torch.arange(width, device=device) - (width - 1) / 2)[None, :]
    sine = math.sin(radians) * torch.tensor([1.0, -1.0], device=device)[:, None, None]
    rows = math.cos(radians) * y + sine * x + (height - 1) / 2
    columns = math.cos(radians) * x - sine * y + (width - 1) / 2
    return rows.clamp(0, height - 1).flatten(1), columns.clamp(0, width - 1).flatten(1)
