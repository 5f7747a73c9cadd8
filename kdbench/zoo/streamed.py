"""Images that stay on the host, in memory or in a file mapped into it, and are gathered batch by batch."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

CPU = torch.device("cpu")
CHUNK = 2**23  # values that are looked at together, where all samples are read


@dataclass(frozen=True)
class Streamed:
    """Images [N, channels, height, width], used like a tensor of them: `images[index]` and `images[start:stop]`.

    Only what is asked for is read and put on `device`, as a tensor of its own. `rows` [N], int64, says where in
    `source` [stored, channels, height, width] each image lies, so that taking some of the images copies none.
    """

    source: NDArray[Any]
    rows: NDArray[np.int64]
    device: torch.device = CPU

    @classmethod
    def of(cls, source: NDArray[Any] | Tensor) -> "Streamed":
        """All images of an array, which may be memory-mapped, or of a tensor in the host's memory. Copies nothing."""
        array = source.numpy() if isinstance(source, Tensor) else np.asarray(source)  # a plain view gathers faster
        return cls(array, np.arange(len(array)))

    @property
    def shape(self) -> torch.Size:
        return torch.Size((len(self), *self.source.shape[1:]))

    @property
    def dtype(self) -> torch.dtype:
        return self[:0].dtype

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, where: slice | Tensor) -> Tensor:
        return torch.from_numpy(np.take(self.source, self._rows_at(where), axis=0)).to(self.device)

    def take(self, index: Tensor) -> "Streamed":
        """The images at `index` [K], int64."""
        return replace(self, rows=self._rows_at(index))

    def to(self, device: torch.device | str) -> "Streamed":
        """The same images, given on another device. They stay where they are."""
        return replace(self, device=torch.empty(0, device=device).device)  # cuda:0 for cuda, as tensors name it

    def _rows_at(self, where: slice | Tensor) -> NDArray[np.int64]:
        return self.rows[where.cpu().numpy() if isinstance(where, Tensor) else where]


def chunks(values: Tensor | Streamed) -> Iterator[Tensor]:
    """All samples in order, a few million values at a time."""
    step = max(1, CHUNK // max(1, values.shape[1:].numel()))
    for start in range(0, len(values), step):
        yield values[start : start + step]
