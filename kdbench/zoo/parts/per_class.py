"""So many samples of each class."""

import torch
from torch import Tensor

from kdbench.spec.types import Count, Neutral, WholeNumber
from kdbench.zoo.interface import Draw
from kdbench.zoo.parts.strata import by_class, stream_of


def per_class(labels: Tensor, draw: Draw, *, count: Count, seed: Neutral[WholeNumber] = 0) -> Tensor:
    """At most `count` samples of each class: a smaller count lies within a larger one.

    Shapes: labels [N], int64; gives positions in it, int64. Each `seed` gives other samples.
    Raises: nothing. A class with fewer samples keeps all of them.
    Source: few-shot distillation, such as Li et al. 2020 (arXiv:1812.01839).
    """
    return torch.cat([of[:count] for of in by_class(labels, draw, stream_of("per_class", seed))])
