"""What is given to several must be left as it is by each."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from kdbench.zoo.interface import NotApplicable


@contextmanager
def untouched(given: Sequence[Tensor | None], what: str) -> Iterator[None]:
    """Raise `NotApplicable` where the block writes into any of these tensors, in whichever way.

    Their values are compared: a write by way of numpy or `.data` leaves no trace in a tensor's version.
    """
    tensors = [each for each in given if each is not None]
    before = [each.detach().clone() for each in tensors]
    yield
    if not all(torch.allclose(*pair, rtol=0, atol=0, equal_nan=True) for pair in zip(tensors, before, strict=True)):
        raise NotApplicable(f"it writes into {what}, which others are given, too: let it work on a copy (clone())")
