"""What a dataset asks of a network, its inputs and its heads; and the heads that a trial makes of its classes."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from kdbench.spec.choice import Record, Several
from kdbench.spec.types import Count, Finite, Positive, WholeNumber

# What a network takes of an image: normalized as kdbench does, values from 0 to 1, values as they are stored, or those
# from 0 to 1 normalized by the mean and the deviation of ImageNet's three channels.
Pixels = Literal["standard", "unit", "raw", "imagenet"]
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


class Input(Record):
    """One tensor of each sample, and how its raw values are normalized: (value - mean) / std in each channel."""

    name: str = "images"
    shape: Several[Count]  # of one sample; of images channels, height and width
    dtype: Literal["uint8", "float32"]  # of the raw values
    mean: Several[Finite]  # of each channel, in raw values
    std: Several[Positive]  # likewise
    lowest: Finite | None = None  # raw value of all training samples; not in older records
    highest: Finite | None = None  # likewise

    @model_validator(mode="after")
    def _fits(self) -> Self:
        channels = self.shape[:1]
        if (len(self.mean),) != channels or (len(self.std),) != channels:
            count = f"{len(self.mean)} means and {len(self.std)} deviations"
            raise ValueError(f"input '{self.name}' of shape {self.shape} has {count}")
        return self


def pixels_from_standard(pixels: Pixels, given: Input) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Factor and offset of each channel, from images as kdbench normalizes them to those that a network wants.

    Raises `ValueError` where it wants other channels.
    """
    if pixels == "standard":
        return tuple(1.0 for _ in given.std), tuple(0.0 for _ in given.mean)
    top = 255.0 if given.dtype == "uint8" and pixels != "raw" else 1.0
    factor, offset = (tuple(value / top for value in values) for values in (given.std, given.mean))
    if pixels != "imagenet":
        return factor, offset
    mean, std = IMAGENET
    if len(given.mean) != len(mean):
        raise ValueError(f"pixels = 'imagenet' is for images of 3 channels, and these have {len(given.mean)}")
    return (
        tuple(each / sd for each, sd in zip(factor, std, strict=True)),
        tuple((each - center) / sd for each, center, sd in zip(offset, mean, std, strict=True)),
    )


class Head(Record):
    """One set of classes, of which a sample has one: a column of logits for each."""

    name: str = "class"
    classes: Count
    class_names: Several[str] = ()  # in the order of the labels; none where the dataset has no names for them

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.class_names and len(self.class_names) != self.classes:
            raise ValueError(f"head '{self.name}' has {self.classes} classes and {len(self.class_names)} names of them")
        return self


class Task(Record):
    """What a dataset asks of a network, the same whichever part of its samples is used."""

    inputs: Annotated[tuple[Input, ...], Field(min_length=1, strict=False)]
    heads: Annotated[tuple[Head, ...], Field(min_length=1, strict=False)]


class HeadSpec(Record):
    """Columns of a network's output that answer one question: the class, the parity, one task of a stream."""

    name: str
    groups: Several[Several[WholeNumber]] = ()  # the classes that each column stands for; none: a column for each class

    @model_validator(mode="after")
    def _fits(self) -> "HeadSpec":
        counts = Counter(label for group in self.groups for label in group)
        if not all(self.groups):
            raise ValueError(f"head '{self.name}' has a column that stands for no class")
        if twice := [label for label, count in counts.items() if count > 1]:
            raise ValueError(f"head '{self.name}' has class {twice[0]} twice")
        return self

    def columns(self, classes: int) -> tuple[tuple[int, ...], ...]:
        """The classes of each column, for a dataset with so many."""
        return self.groups or tuple((label,) for label in range(classes))


@dataclass(frozen=True)
class Columns:
    """Some columns of a network's output: where they are in it, and the classes that each stands for."""

    places: tuple[int, ...]
    groups: tuple[tuple[int, ...], ...]

    def of_classes(self, classes: int) -> tuple[int, ...]:
        """Which of these columns each class of the dataset has; -1 for none."""
        column = {label: at for at, group in enumerate(self.groups) for label in group}
        return tuple(column.get(label, -1) for label in range(classes))


def select_columns(heads: Sequence[HeadSpec], names: Sequence[str], classes: int) -> Columns:
    """The columns of the heads of these names, in their order; without names of all heads."""
    places, groups = dict[str, range](), {head.name: head.columns(classes) for head in heads}
    for head in heads:
        start = sum(map(len, places.values()))
        places[head.name] = range(start, start + len(groups[head.name]))
    chosen = names or tuple(places)
    return Columns(
        tuple(place for name in chosen for place in places[name]),
        tuple(group for name in chosen for group in groups[name]),
    )


def classes_of(heads: Sequence[HeadSpec], names: Sequence[str]) -> frozenset[int] | None:
    """The classes that have a column in the heads of these names, or without names in any; None for all there are."""
    chosen = [head for head in heads if head.name in (names or [head.name])]
    if not all(head.groups for head in chosen):
        return None
    return frozenset(label for head in chosen for group in head.groups for label in group)


def overlap(heads: Sequence[HeadSpec]) -> bool:
    """Whether some class has a column in two of these heads, so that a label would not say which is meant."""
    counts = Counter(label for head in heads for group in head.groups for label in group)
    every = any(not head.groups for head in heads)
    return (every and len(heads) > 1) or max(counts.values(), default=0) > 1


def misfit(heads: Iterable[HeadSpec], classes: int) -> str:
    """Why heads do not fit a dataset with so many classes, or an empty text."""
    named = {label: head.name for head in heads for group in head.columns(classes) for label in group}
    allowed = f"the dataset has {classes} classes: 0 to {classes - 1}"
    if beyond := sorted(label for label in named if label >= classes):
        return f"head '{named[beyond[0]]}' has class {beyond[0]}, and {allowed}"
    if named and (missing := sorted({*range(classes)} - {*named})):
        return f"no head has class {missing[0]}, and {allowed}"
    return ""
