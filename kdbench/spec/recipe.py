"""The recipe of a training: optimizer, schedule, views and when it ends."""

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    GetJsonSchemaHandler,
    JsonValue,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from kdbench.spec.choice import Choice, Record, Several
from kdbench.spec.keys import Neutral
from kdbench.spec.types import Count, Fraction, NonNegative, Positive, ProperFraction, WholeNumber


class Sgd(Record):
    """Stochastic gradient descent with momentum."""

    use: Literal["sgd"] = "sgd"
    lr: Positive = 0.05
    momentum: ProperFraction = 0.9
    weight_decay: NonNegative = 5e-4
    nesterov: bool = False

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov = true needs momentum above 0: give momentum = 0.9, say, or drop nesterov")
        return self


class AdamW(Record):
    """Adam with decoupled weight decay."""

    use: Literal["adamw"] = "adamw"
    lr: Positive = 1e-3
    beta1: ProperFraction = 0.9
    beta2: ProperFraction = 0.999
    weight_decay: NonNegative = 0.01


class Constant(Record):
    """The learning rate stays as it is."""

    use: Literal["constant"] = "constant"


class Cosine(Record):
    """Half a cosine from 1 down to `floor`, over all epochs after the warm-up."""

    use: Literal["cosine"] = "cosine"
    floor: ProperFraction = 0.0


class Step(Record):
    """Multiplied by `factor` at every milestone, given in epochs."""

    use: Literal["step"] = "step"
    milestones: Several[Count]
    factor: Fraction = 0.1


class TrainSpec(Record):
    """The recipe, the same for every loss of a suite."""

    epochs: WholeNumber = 10  # 0: the weights stay as they start
    batch_size: Annotated[int, Field(ge=2)] = 128
    optimizer: Annotated[Sgd | AdamW, Field(discriminator="use")] = Sgd()
    schedule: Annotated[Constant | Cosine | Step, Field(discriminator="use")] = Cosine()  # "cosine" will do
    warmup_epochs: Neutral[NonNegative] = 0.0
    augment: Several[Choice] = ()
    mixup: Positive | None = None  # mix each image and label with another sample's: alpha of Zhang et al. 2018
    views: Literal["fresh", "bank", "shared"] = "fresh"  # which augmented views seeds see: see `train/samples/bank.py`
    bank: Count | None = None  # views per sample where views = "bank"; twice the epochs where it is not given
    precision: Literal["float32", "bfloat16"] = "float32"  # of the student's forward, under autocast
    patience: Count | None = None  # stop after so many epochs without a better validation accuracy
    select: Literal["last", "best"] = "last"  # deployed weights: of the last epoch, or best on validation

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core)
        properties = handler.resolve_ref_schema(schema)["properties"]
        properties["schedule"] = {"anyOf": [{"enum": ["constant", "cosine"]}, properties["schedule"]]}
        return schema

    @field_validator("schedule", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        return {"use": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.bank is not None and self.views != "bank":
            raise ValueError(f'bank = {self.bank} needs views = "bank", and views is "{self.views}": drop one of them')
        return self

    def at(self, lr: float) -> "TrainSpec":
        """The same at another learning rate."""
        return self.model_copy(update={"optimizer": self.optimizer.model_copy(update={"lr": lr})})

    def lasting(self, epochs: float) -> "TrainSpec":
        """The same over other epochs, rounded to at least 1; milestones move with them, and the warm-up stays."""
        whole = max(1, round(epochs))
        changes: dict[str, object] = {"epochs": whole}
        if isinstance(self.schedule, Step):
            moved = tuple(max(1, round(at * whole / self.epochs)) for at in self.schedule.milestones)
            changes["schedule"] = self.schedule.model_copy(update={"milestones": moved})
        return self.model_copy(update=changes)

    def changed(self, changes: Mapping[str, JsonValue]) -> "TrainSpec":
        """The same with other values of some keys; a table with the same `use` keeps what it does not name.

        Raises `pydantic.ValidationError` for keys and values that no recipe has.
        """
        content = self.model_dump(mode="json")
        for key, value in changes.items():
            was = content.get(key)
            if isinstance(was, dict) and isinstance(value, dict) and value.get("use", was["use"]) == was["use"]:
                value = {**was, **value}
            content[key] = value
        return TrainSpec.model_validate(content)

    @property
    def slots(self) -> int | None:
        """How many views of a sample there are in all: `None` where every epoch of every seed draws another."""
        if not self.augment and self.mixup is None:
            return 1
        return {"fresh": None, "bank": self.bank or 2 * self.epochs, "shared": self.epochs}[self.views]


def learning_rate_factor(spec: TrainSpec, epoch: float) -> float:
    """What the learning rate is multiplied by at a time in epochs: a linear warm-up, then the schedule."""
    if epoch < spec.warmup_epochs:
        return epoch / spec.warmup_epochs
    match spec.schedule:
        case Cosine(floor=floor):
            span = max(spec.epochs - spec.warmup_epochs, 1e-9)
            progress = min(1.0, (epoch - spec.warmup_epochs) / span)
            return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress))
        case Step(milestones=milestones, factor=factor):
            return float(factor ** sum(epoch >= milestone for milestone in milestones))
        case _:
            return 1.0


def learning_rate_spent(spec: TrainSpec, epochs: Sequence[float]) -> tuple[float, ...]:
    """The factor of the learning rate, summed from the start up to each time in epochs, in a hundred steps an epoch."""
    steps = range(round(100 * max(epochs, default=0)))
    spent = (0.0, *accumulate(learning_rate_factor(spec, (step + 0.5) / 100) / 100 for step in steps))
    return tuple(spent[round(100 * epoch)] for epoch in epochs)
