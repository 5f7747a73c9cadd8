"""The samples of each class in random order: what stratified splits and parts are taken from."""

import torch
from torch import Tensor

from kdbench.zoo.interface import Draw


def by_class(labels: Tensor, draw: Draw, stream: str) -> list[Tensor]:
    """Of each class that has samples, by its label, the positions [n] of its samples in `labels` [N], in random order.

    The order of two samples depends on the draw's seed and on these two alone (`draw.samples` [N] names them), so that
    it stays the same among fewer samples.
    """
    order = torch.argsort(draw.words(stream)[:, 0], stable=True)
    return [order[labels[order] == label] for label in torch.unique(labels)]


def stream_of(part: str, seed: int) -> str:
    """What the random numbers of a part are drawn under: another stream for each of its own seeds."""
    return f"{part} {seed}" if seed else part


def count_of(share: float, samples: int) -> int:
    """A share of so many samples, rounded half up (Python's `round` takes halves to the even neighbour)."""
    return int(share * samples + 0.5)
