"""The F1 score with the same weight for every class."""

import numpy as np
from numpy.typing import NDArray


def macro_f1(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """F1 of each class, averaged over classes: rare ones weigh as much as common ones.

    Formula: mean over classes of 2 TP / (2 TP + FP + FN), where the class has samples or is predicted at all.
    Shapes: logits [N, classes], float32; labels [N], int64.
    Units: a score, 0 to 1; more is better.
    Raises: nothing.
    Source: Opitz and Burst 2019 (arXiv:1911.03347), the averaged F1, which they recommend of the two macro F1.
    """
    classes = logits.shape[1]
    predicted = logits.argmax(axis=1)
    hits = np.bincount(labels[predicted == labels], minlength=classes)
    named = np.bincount(predicted, minlength=classes) + np.bincount(labels, minlength=classes)  # 2 TP + FP + FN
    seen = named > 0
    return float((2 * hits[seen] / named[seen]).mean())
