"""Lifelong learning: what a matrix of accuracies by time and task says of forgetting and transfer."""

import numpy as np
from numpy.typing import NDArray

# Row t, column i: the accuracy on task i after learning the tasks 0 to t; NaN where it was not measured.
Matrix = NDArray[np.float64]


def average_accuracy(matrix: Matrix) -> float:
    """Mean accuracy over all T tasks at the end: mean over i of R[T, i].

    Source: Lopez-Paz and Ranzato 2017, GEM (arXiv:1706.08840), equation 2.
    """
    return float(matrix[-1].mean())


def backward_transfer(matrix: Matrix) -> float:
    """What learning later tasks changed on earlier ones: mean over i < T of R[T, i] - R[i, i]. Below 0: forgetting.

    Source: Lopez-Paz and Ranzato 2017 (arXiv:1706.08840), equation 3. NaN for a single task.
    """
    gained = matrix[-1, :-1] - np.diag(matrix)[:-1]
    return float(gained.mean()) if len(gained) else float("nan")


def forward_transfer(matrix: Matrix, untrained: NDArray[np.float64]) -> float:
    """What learning earlier tasks changed on the next one before it was learned: mean over i > 1 of R[i - 1, i] - b_i.

    `untrained` [T] is b, the accuracy on each task with initial weights.
    Source: Lopez-Paz and Ranzato 2017 (arXiv:1706.08840), equation 4. NaN for a single task.
    """
    gained = np.diag(matrix, k=1) - untrained[1:]
    return float(gained.mean()) if len(gained) else float("nan")


def forgetting(matrix: Matrix) -> float:
    """What was lost since it was known best: mean over i < T of max over t < T of R[t, i] - R[T, i].

    Only times from i on count, at which the task had been learned. It is at least the negative of backward transfer.
    Source: Chaudhry et al. 2018, Riemannian Walk (arXiv:1801.10112), section 3.1. NaN for a single task.
    """
    tasks = len(matrix) - 1
    lost = [matrix[i:-1, i].max() - matrix[-1, i] for i in range(tasks)]
    return float(np.mean(lost)) if lost else float("nan")
