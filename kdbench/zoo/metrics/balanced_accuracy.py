"""Accuracy with the same weight for every class."""

import numpy as np
from numpy.typing import NDArray


def balanced_accuracy(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """The share of each class's samples that is predicted correctly, averaged over the classes that have samples.

    Formula: mean over classes of TP / (TP + FN). Where all classes have as many samples it is top-1.
    Shapes: logits [N, classes], float32; labels [N], int64.
    Units: a share, 0 to 1; more is better.
    Raises: nothing.
    Source: Brodersen et al. 2010, The balanced accuracy and its posterior distribution (ICPR), for two classes;
    the mean recall of several.
    """
    present = np.bincount(labels)
    hits = np.bincount(labels[logits.argmax(axis=1) == labels], minlength=len(present))
    return float((hits[present > 0] / present[present > 0]).mean())
