"""Drawing training samples of other classes, for losses that contrast a sample with them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from kdbench.zoo.interface import Draw


@dataclass(frozen=True)
class OtherClasses:
    """The training samples sorted by class, so that those of all classes but one are two stretches.

    `order` [N] are the samples, `own` [N] each sample's class by its rank; a class has `counts` samples from `starts`
    on, [classes]. Every sample has at least `fewest` of other classes.
    """

    order: Tensor
    own: Tensor
    starts: Tensor
    counts: Tensor
    fewest: int

    @classmethod
    def of(cls, labels: Tensor) -> "OtherClasses":
        """By the labels [N] of the training split."""
        _, own, counts = torch.unique(labels, return_inverse=True, return_counts=True)
        fewest = len(labels) - int(counts.max())
        return cls(own.argsort(stable=True), own, counts.cumsum(0) - counts, counts, fewest)

    def draw(self, draw: Draw, stream: str, count: int) -> Tensor:
        """For each sample of the draw [B, count] others, each uniform and independent: one may come twice."""
        own = self.own[draw.samples]
        start, size = self.starts[own][:, None], self.counts[own][:, None]
        place = draw.words(stream, count) % (len(self.order) - size)
        return self.order[place + size * (place >= start)]
