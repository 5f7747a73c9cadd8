"""Random crops of random size and shape, brought back to the image's size."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from kdbench.spec.types import Fraction, Positive
from kdbench.zoo.interface import Draw

TRIES = 10  # as torchvision


def random_resized_crop(
    images: Tensor,
    draw: Draw,
    *,
    scale: tuple[Fraction, Fraction] = (0.08, 1.0),
    ratio: tuple[Positive, Positive] = (0.75, 1.3333333333333333),
) -> Tensor:
    """A box of random area and shape, resized to the image's size, drawn anew for each sample and epoch.

    Formula: area uniform in `scale`, width / height log-uniform in `ratio`; of 10 such boxes the first that fits into
    the image, at a uniform place; if none does, the largest box in the middle whose shape is within `ratio`. Bilinear.
    Shapes: images [B, C, H, W], uint8 (rounded) or float, to the same.
    Units: scale in shares of the image's area. Pairs may stand in either order.
    Raises: nothing.
    Source: Szegedy et al. 2014 (arXiv:1409.4842), section 6, as torchvision's RandomResizedCrop.
    Differs: always back to the image's own size. So a box is never made smaller, and torchvision's antialiasing, which
    only then changes anything, is left out.
    """
    height, width = images.shape[2:]
    top, left, heights, widths = _boxes(draw, height, width, scale, ratio)
    pixels = images if images.is_floating_point() else images.to(torch.float32)
    pixels = _resample(_resample(pixels, 2, top, heights), 3, left, widths)
    return pixels if images.is_floating_point() else pixels.round().to(images.dtype)


def _boxes(
    draw: Draw, height: int, width: int, scale: tuple[float, float], ratio: tuple[float, float]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Top, left, height and width in pixels, each [B], of boxes within the image."""
    area = height * width * (scale[0] + (scale[1] - scale[0]) * draw.uniform("resize.area", TRIES))
    low, high = math.log(ratio[0]), math.log(ratio[1])
    shape = torch.exp(low + (high - low) * draw.uniform("resize.shape", TRIES))  # [B, TRIES]
    # The box in the middle stands last, as one more try: it always fits.
    last_height = max(1, min(height, round(width / min(ratio))))
    last_width = max(1, min(width, round(height * max(ratio))))
    heights = functional.pad((area / shape).sqrt().round().long(), (0, 1), value=last_height)
    widths = functional.pad((area * shape).sqrt().round().long(), (0, 1), value=last_width)
    fits = (heights >= 1) & (heights <= height) & (widths >= 1) & (widths <= width)
    first = fits.int().argmax(1, keepdim=True)
    box_height, box_width = heights.gather(1, first)[:, 0], widths.gather(1, first)[:, 0]
    free_y, free_x = height - box_height, width - box_width
    top = torch.where(first[:, 0] == TRIES, free_y // 2, draw.words("resize.y")[:, 0] % (free_y + 1))
    left = torch.where(first[:, 0] == TRIES, free_x // 2, draw.words("resize.x")[:, 0] % (free_x + 1))
    return top, left, box_height, box_width


def _resample(pixels: Tensor, axis: int, start: Tensor, length: Tensor) -> Tensor:
    """`length` [B] pixels from `start` [B] on stretched to the whole of this axis: pixels' centers match, edges repeat.

    Gathers and plain arithmetic: every value is rounded by itself, so alike in batches of any size.
    """
    size = pixels.shape[axis]
    centers = torch.arange(size, device=pixels.device) + 0.5
    place = (centers * (length[:, None] / size) - 0.5).clamp(min=0)  # [B, size], in pixels of the box
    before = place.long()
    after = torch.minimum(before + 1, length[:, None] - 1)
    form = (-1, 1, size, 1) if axis == 2 else (-1, 1, 1, size)
    weight = (place - before).to(pixels.dtype).view(form)
    lower = pixels.take_along_dim((start[:, None] + before).view(form), axis)
    upper = pixels.take_along_dim((start[:, None] + after).view(form), axis)
    return lower + (upper - lower) * weight
