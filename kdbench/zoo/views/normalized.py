"""What a view of normalized images requires."""

from torch import Tensor

from kdbench.zoo.interface import NotApplicable


def require_normalized(images: Tensor, view: str) -> None:
    """Raises NotApplicable for integer images: what a view computes would have to be rounded and cut off."""
    if not images.is_floating_point():
        raise NotApplicable(f"{view} needs normalized float images, got {images.dtype}; use it as the view")
