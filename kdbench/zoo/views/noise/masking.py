"""Pixels that are hidden."""

from torch import Tensor

from kdbench.spec.types import Fraction
from kdbench.zoo.interface import Draw


def masking(images: Tensor, draw: Draw, *, share: Fraction = 0.3) -> Tensor:
    """Each pixel becomes zero with the probability `share`, in all channels, drawn anew for each sample and epoch.

    Shapes: images [B, C, H, W], any type, to the same.
    Units: share of the pixels. Zero is the mean in normalized images and black in raw ones.
    Raises: nothing.
    Source: Vincent et al. 2010, Stacked Denoising Autoencoders (JMLR 11), section 3.3, masking noise.
    Differs: each pixel is drawn by itself, where the paper hides a fixed number of them.
    """
    hidden = draw.uniform("masking", images[0, 0].numel()).view(len(images), 1, *images.shape[2:]) < share
    return images.masked_fill(hidden, 0)
