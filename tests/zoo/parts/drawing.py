"""What a part is given: labels, and a draw that names their samples."""

import torch
from hypothesis import strategies as st
from torch import Tensor

from kdbench.zoo import Draw

LABELS = st.lists(st.integers(0, 4), min_size=1, max_size=80).map(torch.tensor)


def draw_of(labels: Tensor, seed: int = 0) -> Draw:
    """As `split` gives it: the samples are numbered in the published split, here from 100 on."""
    return Draw(seed, samples=100 + torch.arange(len(labels)), purpose="data")


def counts(labels: Tensor, part: Tensor) -> list[int]:
    """How many samples of each of the classes 0 to 4 a part has."""
    return torch.bincount(labels[part], minlength=5).tolist()
