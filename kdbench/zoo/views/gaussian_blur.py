"""Gaussian blur."""

import math

from torch import Tensor
from torch.nn import functional

from kdbench.spec.types import Positive
from kdbench.zoo.interface import Draw
from kdbench.zoo.views.normalized import require_normalized


def gaussian_blur(images: Tensor, draw: Draw, *, sd: Positive = 0.75) -> Tensor:  # noqa: ARG001 - nothing is drawn
    """Every pixel the Gaussian mean of its surroundings, the same for each sample and epoch.

    Formula: weights exp(-k^2 / (2 sd^2)), divided by their sum, for k up to ceil(3 sd) pixels along each axis in turn.
    Shapes: images [B, C, H, W], normalized floats, to the same. Edges repeat.
    Units: sd in pixels. Not in shares of the side: what goes first is the finest detail an image of any size has.
    Raises: NotApplicable for integer images.
    Source: Hendrycks and Dietterich 2019 (arXiv:1903.12261), Gaussian blur: 1 to 6 pixels of 224; .4 to 1 of 32.
    """
    require_normalized(images, "gaussian_blur")
    reach = math.ceil(3 * sd)
    weights = [math.exp(-0.5 * (k / sd) ** 2) for k in range(reach + 1)]
    total = weights[0] + 2 * sum(weights[1:])
    weights = [weight / total for weight in weights]
    return _smooth(_smooth(images, 2, weights), 3, weights)


def _smooth(images: Tensor, axis: int, weights: list[float]) -> Tensor:
    """Weighted means along an axis: `weights[k]` for the neighbours at distance k.

    Sums of shifted images and not a convolution, whose last bits depend on the size of the batch.
    """
    reach, size = len(weights) - 1, images.shape[axis]
    padded = functional.pad(images, (0, 0, reach, reach) if axis == 2 else (reach, reach, 0, 0), mode="replicate")
    blurred = weights[0] * images
    for k, weight in enumerate(weights[1:], start=1):
        both = padded.narrow(axis, reach - k, size) + padded.narrow(axis, reach + k, size)
        blurred = blurred + weight * both
    return blurred
