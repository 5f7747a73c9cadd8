"""Fashion-MNIST in the format of CIFAR: a dataset plugin for kdbench."""

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from kdbench.zoo.datasets.fashion_mnist import fashion_mnist
from kdbench.zoo.interface import Dataset, Split

TEST_SAMPLES = 500  # time is measured where this is used, and the test is no part of it


def fashion32(root: Path) -> Dataset:
    """Fashion-MNIST padded with black to 32x32 and repeated to 3 channels: 60,000 images to train, 500 to test.

    Shapes: images [N, 3, 32, 32], uint8; labels [N], int64.
    Units: grey values, 0 to 255, the same in each channel.
    Raises: UserError where Fashion-MNIST is not available.
    Source: as `fashion_mnist`.
    """
    whole = fashion_mnist(root)
    train, test = (_widen(part) for part in (whole.train, whole.test.take(torch.arange(TEST_SAMPLES))))
    return replace(whole, train=train, test=test)


def _widen(part: Split) -> Split:
    assert isinstance(part.images, Tensor)
    return replace(part, images=functional.pad(part.images, (2, 2, 2, 2)).repeat(1, 3, 1, 1))
