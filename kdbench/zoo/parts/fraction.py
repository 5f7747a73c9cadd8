"""A share of the samples."""

import torch
from torch import Tensor

from kdbench.spec.types import Fraction, Neutral, WholeNumber
from kdbench.zoo.interface import Draw
from kdbench.zoo.parts.strata import by_class, count_of, stream_of


def fraction(
    labels: Tensor, draw: Draw, *, share: Fraction, seed: Neutral[WholeNumber] = 0, rest: Neutral[bool] = False
) -> Tensor:
    """This share of the samples of each class, and at least one of each: a smaller share lies within a larger one.

    With `rest` it is all that such a share leaves.
    Shapes: labels [N], int64; gives positions in it, int64. Each `seed` gives other samples.
    Units: share of a class's samples, rounded to whole ones.
    Raises: nothing.
    Source: the scarce data of semi-supervised learning; stratified as scikit-learn's StratifiedShuffleSplit.
    """
    classes = by_class(labels, draw, stream_of("fraction", seed))
    counts = [max(1, count_of(share, len(of))) for of in classes]
    return torch.cat([of[count:] if rest else of[:count] for of, count in zip(classes, counts, strict=True)])
