"""Ranks of values, and how far two orders agree."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Along the last axis; 1 is the highest, and equal values share the mean of their ranks."""
    others, own = values[..., None, :], values[..., :, None]
    found: NDArray[np.float64] = 0.5 + (others > own).sum(axis=-1) + (others == own).sum(axis=-1) / 2
    return found


def kendall_tau(first: Sequence[float], second: Sequence[float]) -> float | None:
    """How far two lists order the same things alike: 1 the same order, -1 the reverse (Kendall 1945, tau-b).

    None where one of them does not order anything.
    """
    signs = [np.sign(np.subtract.outer(values, values)) for values in (first, second)]
    pairs = [np.abs(sign).sum() for sign in signs]
    return float((signs[0] * signs[1]).sum() / np.sqrt(pairs[0] * pairs[1])) if min(pairs) > 0 else None
