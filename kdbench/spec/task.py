"""What a dataset asks of a network: its inputs and its heads."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from kdbench.spec.choice import Record, Several
from kdbench.spec.types import Count, Finite, Positive


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
