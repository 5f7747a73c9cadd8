"""The samples of some classes."""

import torch
from torch import Tensor

from kdbench.spec.types import WholeNumber
from kdbench.zoo.interface import Draw, NotApplicable


def classes(labels: Tensor, draw: Draw, *, which: tuple[WholeNumber, ...]) -> Tensor:  # noqa: ARG001 - nothing is drawn
    """The samples whose label is one of `which`. Labels and the networks' outputs keep all classes of the dataset.

    Shapes: labels [N], int64; gives positions in it, int64.
    Raises: NotApplicable where a class has no samples.
    Source: the tasks of class-incremental learning, such as Rebuffi et al. 2017 (arXiv:1611.07725).
    """
    absent = sorted(set(which) - set(torch.unique(labels).tolist()))
    if not which:
        raise NotApplicable("`which` names no class")
    if absent:
        there = f"labels are {int(labels.min())} to {int(labels.max())}"
        raise NotApplicable(f"no sample has the label {absent[0]}: {there}")
    return torch.nonzero(torch.isin(labels, torch.tensor(which))).flatten()
