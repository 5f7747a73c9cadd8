"""Shift by a fixed distance."""

import math

import torch
from torch import Tensor

from kdbench.spec.types import Fraction
from kdbench.zoo.interface import Draw


def translation(images: Tensor, draw: Draw, *, share: Fraction = 0.1) -> Tensor:
    """The image moved by this share of its side, in one of eight directions: drawn for each sample and epoch.

    Shapes: images [B, C, H, W], any type, to the same. Edge pixels repeat in what is uncovered.
    Units: share of the shorter side. Distances are whole pixels, so nothing is blurred: d = share * side rounded along
    the axes, d / sqrt(2) rounded both ways along the diagonals, and at least 1.
    Raises: nothing.
    Source: Engstrom et al. 2019 (arXiv:1712.02779), translations; severities as in Hendrycks and Dietterich 2019
    (arXiv:1903.12261).
    Differs: the former fills with black, which is not known of normalized images, and moves by up to a tenth.
    """
    samples, channels, height, width = images.shape
    distance = share * min(height, width)
    straight, slant = (max(1, int(length + 0.5)) for length in (distance, distance / math.sqrt(2)))
    directions = [(-straight, 0), (straight, 0), (0, -straight), (0, straight)]
    directions += [(-slant, -slant), (-slant, slant), (slant, -slant), (slant, slant)]
    moves = torch.tensor(directions, device=images.device)[draw.integers("translation", len(directions))]
    rows = (torch.arange(height, device=images.device) - moves[:, :1]).clamp(0, height - 1)  # [B, H]
    columns = (torch.arange(width, device=images.device) - moves[:, 1:]).clamp(0, width - 1)  # [B, W]
    moved = images.gather(2, rows[:, None, :, None].expand(samples, channels, height, width))
    return moved.gather(3, columns[:, None, None, :].expand(samples, channels, height, width))
