"""Additive Gaussian noise."""

from torch import Tensor

from kdbench.spec.types import Positive
from kdbench.zoo.interface import Draw, NotApplicable


def gaussian_noise(images: Tensor, draw: Draw, *, sd: Positive = 0.1) -> Tensor:
    """Independent Gaussian noise on every value, drawn anew for each sample and epoch.

    Shapes: images [B, C, H, W], normalized floats, to the same.
    Units: sd in units of the normalized images, so in standard deviations of the training pixels.
    Raises: NotApplicable for integer images, on which noise would be cut off and rounded.
    Source: Xie et al. 2020, Noisy Student (arXiv:1911.04252), the student's noise in its plainest form.
    """
    if not images.is_floating_point():
        raise NotApplicable(f"gaussian_noise needs normalized float images, got {images.dtype}; use it as the view")
    noise = draw.normal("noise", images[0].numel()).view_as(images)
    return images + sd * noise.to(images.dtype)
