"""What a plan chooses by the trials that are done: the settings of a row, and the row that may be shipped.

All choices are made on validation. The test split is used for none.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from types import MappingProxyType
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Finished:
    """What a plan needs to know of a trial that has ended."""

    validation: float | None  # top-1, 0 to 1; None where the trial failed or was skipped
    seconds: float = 0.0  # that its training takes alone and without a cache


Done = Mapping[str, Finished]  # by the keys of trials
NOTHING_DONE: Done = MappingProxyType({})


def best(groups: Iterable[tuple[T, Sequence[str]]], done: Done) -> T | None:
    """The group with the highest mean on validation, the first of those that are equal; None where none is whole.

    A group is given with the keys of its trials, which have all ended. One with a failed trial is not chosen: a mean
    over fewer seeds cannot be compared fairly.
    """
    found: tuple[float, T] | None = None
    for name, keys in groups:
        mean = mean_validation(keys, done)
        if mean is not None and (found is None or mean > found[0]):
            found = mean, name
    return found[1] if found else None


def mean_validation(keys: Sequence[str], done: Done) -> float | None:
    """Of trials that have ended; None where one of them failed."""
    values = [done[key].validation for key in keys]
    known = [value for value in values if value is not None]
    return fmean(known) if len(known) == len(values) else None


def equal_cost(epochs: int, alone: Sequence[str], rival: Sequence[str], done: Done) -> float:
    """The budget at which training the student alone takes at least as long as its rival: a multiple of `epochs`.

    Rounded up to whole epochs, and at least 1. `alone` are trials at the budget 1.
    """
    spent, asked = (fmean(done[key].seconds for key in keys) for keys in (alone, rival))
    ratio = asked / spent if spent else 1.0
    return max(1.0, math.ceil(ratio * epochs) / epochs)
