"""Fashion-MNIST cut to what a benchmark needs: dataset plugins for kdbench."""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from kdbench.zoo.datasets.fashion_mnist import fashion_mnist
from kdbench.zoo.interface import Dataset, Split
from kdbench.zoo.streamed import Streamed

TEST_SAMPLES = 500  # only time matters where these are used, and testing is not what is timed


def fashion_few(root: Path) -> Dataset:
    """Fashion-MNIST with a short test split: 60,000 images of 1x28x28 to train, 500 to test.

    Shapes: images [N, 1, 28, 28], uint8; labels [N], int64.
    Units: grey values, 0 to 255.
    Raises: UserError where Fashion-MNIST is not to be had.
    Source: as `fashion_mnist`.
    """
    whole = fashion_mnist(root)
    return Dataset(whole.train, whole.test.take(torch.arange(TEST_SAMPLES)), whole.classes)


def fashion32(root: Path) -> Dataset:
    """Fashion-MNIST in CIFAR's format: padded with black to 32x32 and repeated to 3 channels; 500 images to test.

    Shapes: images [N, 3, 32, 32], uint8; labels [N], int64.
    Units: grey values, 0 to 255, the same in each channel.
    Raises: UserError where Fashion-MNIST is not to be had.
    Source: as `fashion_mnist`.
    """
    few = fashion_few(root)
    train, test = (Split(_widen(part.images), part.labels) for part in (few.train, few.test))
    return Dataset(train, test, few.classes)


def _widen(images: Tensor | Streamed) -> Tensor:
    assert isinstance(images, Tensor)
    return functional.pad(images, (2, 2, 2, 2)).repeat(1, 3, 1, 1)
