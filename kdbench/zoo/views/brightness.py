"""Changed brightness."""

from torch import Tensor

from kdbench.spec.types import Finite
from kdbench.zoo.interface import Draw
from kdbench.zoo.views.normalized import require_normalized


def brightness(images: Tensor, draw: Draw, *, shift: Finite = 0.5) -> Tensor:  # noqa: ARG001 - nothing is drawn
    """The same amount added to every value, the same for each sample and epoch.

    Formula: x' = x + shift; in raw pixels, shift times the channel's SD over the training split.
    Shapes: images [B, C, H, W], normalized floats, to the same.
    Units: shift in units of the normalized images, so in standard deviations of the training pixels; below 0 darkens.
    Raises: NotApplicable for integer images.
    Source: Hendrycks and Dietterich 2019 (arXiv:1903.12261), brightness: .1 to .5 of the range from black to white.
    Differs: theirs raises the value of HSV and cuts off at white, which is not known of normalized images.
    """
    require_normalized(images, "brightness")
    return images + shift
