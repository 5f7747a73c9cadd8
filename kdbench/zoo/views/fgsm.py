"""Fast gradient sign: one step of the size of the ball."""

import torch
from torch import Tensor

from kdbench.spec.task import Input
from kdbench.spec.types import Fraction
from kdbench.zoo.interface import Draw
from kdbench.zoo.views.pgd import Network, against, ascend


def fgsm(
    images: Tensor,
    draw: Draw,  # noqa: ARG001 - every view takes both
    model: Network,
    labels: Tensor | None,
    pixels: Input,
    *,
    epsilon: Fraction = 0.1,
) -> Tensor:
    """The images that a single step of the gradient's sign gives.

    Formula: clip(x + epsilon * sign(gradient of CE(z_s, y) at x)) to [0, 1].
    Shapes: images [B, C, H, W], normalized floats, to the same; labels [B], int64, or shares [B, classes].
    Units: epsilon as a share of the pixels' range, as in `pgd`.
    Raises: NotApplicable for raw images and for a network without a gradient.
    Source: Goodfellow et al. 2015 (arXiv:1412.6572), section 4.
    """
    loss = against("labels", labels, None)
    return ascend(images, torch.zeros_like(images), model, loss, pixels, epsilon, epsilon, steps=1)
