"""Handwritten digits of 8x8 pixels, shipped with kdbench: the dataset that needs no download."""

from pathlib import Path

import numpy as np
import torch

from kdbench.zoo.interface import Dataset, Split


def digits(root: Path) -> Dataset:  # noqa: ARG001 - every dataset takes it; this one comes with the package
    """1,797 handwritten digits of 1x8x8 pixels, 10 classes; 1,438 to train, 359 to test.

    Published without a split for this use: of each class, in the order of publication, the third of every five samples
    is a test sample. Both splits have samples of the same writers, so the test says nothing about new ones.
    Shapes: images [N, 1, 8, 8], uint8; labels [N], int64.
    Units: the number of inked pixels in a 4x4 cell, 0 to 16 (not 255).
    Raises: nothing.
    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository,
    1998, its test part; CC BY 4.0. Unchanged, as in scikit-learn's `load_digits`.
    """
    with np.load(Path(__file__).with_name("digits.npz"), allow_pickle=False) as archive:
        images = torch.from_numpy(archive["images"])[:, None]
        labels = torch.from_numpy(archive["labels"]).long()
    test = torch.zeros_like(labels, dtype=torch.bool)
    for label in range(10):
        test[torch.nonzero(labels == label).flatten()[2::5]] = True
    return Dataset(Split(images[~test], labels[~test]), Split(images[test], labels[test]), 10, tuple("0123456789"))
