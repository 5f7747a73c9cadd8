"""Samples as a deployed model gets them: normalized float32 arrays in row-major order."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kdbench.spec import UserError
from kdbench.spec.task import Pixels, pixels_from_standard
from kdbench.train.samples.batches import in_chunks, normalize
from kdbench.zoo.datasets.splits import Splits

CHUNK = 512
Change = Callable[[Tensor, int], Tensor]  # of normalized images, the first of which has this place in its split


def samples_of_test(splits: Splits, count: int, change: Change | None = None) -> NDArray[np.float32]:
    """The first test images [N, C, H, W], changed where asked for."""
    images = normalize(splits.test.images[:count], splits)
    return _as_deployed(change(images, 0) if change else images)


def samples_of_training(splits: Splits, count: int) -> NDArray[np.float32]:
    """The first training images [N, C, H, W]: the split is in random order."""
    return _as_deployed(normalize(splits.train.images[:count], splits))


def chunks_of_test(
    splits: Splits, change: Change | None = None
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    """The test split in order: images [B, C, H, W], changed where asked for, and labels [B]."""
    at = 0
    for images, labels in in_chunks(splits.test, splits, size=CHUNK):
        yield _as_deployed(change(images, at) if change else images), labels.cpu().numpy()
        at += len(labels)


def rescale(splits: Splits, pixels: Pixels) -> Change | None:
    """From normalized images to those that a network wants; None where it wants these. Raises `UserError`."""
    if pixels == "standard":
        return None
    try:
        factor, offset = pixels_from_standard(pixels, splits.task.inputs[0])
    except ValueError as error:
        raise UserError(str(error), help="give the pixels with which the network was trained") from error
    scale, shift = (torch.tensor(each, device=splits.mean.device)[None, :, None, None] for each in (factor, offset))
    return lambda images, _: images * scale + shift


def _as_deployed(images: Tensor) -> NDArray[np.float32]:
    return images.contiguous(memory_format=torch.contiguous_format).cpu().numpy()
