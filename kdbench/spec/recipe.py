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

from kdbench.spec.choice import Choice, Record, Several, about, by_use
from kdbench.spec.keys import Neutral
from kdbench.spec.types import MOST_EPOCHS, Count, Epochs, Fraction, NonNegative, Positive, ProperFraction

LR = about("Learning rate, before the schedule.", unit="times the gradient", example=0.1)
WEIGHT_DECAY = about("How strongly weights are drawn to zero.", unit="times the weights", example=5e-4)
Decayed = Annotated[
    Neutral[Literal["all", "weights"]],
    about(
        "What weight decay is of: all that is trained, a loss's own weights too; or weights alone, without biases, "
        "the scales of norms, and other vectors and scalars.",
        example="weights",
    ),
]


class Sgd(Record):
    """Stochastic gradient descent with momentum."""

    use: Literal["sgd"] = "sgd"
    lr: Annotated[Positive, LR] = 0.05
    momentum: Annotated[
        ProperFraction, about("Share of the last step that is kept in the next.", unit="share", example=0.9)
    ] = 0.9
    weight_decay: Annotated[NonNegative, WEIGHT_DECAY] = 5e-4
    decay: Decayed = "all"
    nesterov: Annotated[bool, about("Nesterov's momentum, which looks ahead by one step.", example=True)] = False

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov = true needs momentum above 0: give momentum = 0.9, say, or drop nesterov")
        return self


class AdamW(Record):
    """Adam with decoupled weight decay."""

    use: Literal["adamw"] = "adamw"
    lr: Annotated[Positive, LR] = 1e-3
    beta1: Annotated[ProperFraction, about("Decay of the mean of gradients, a step.", unit="share", example=0.9)] = 0.9
    beta2: Annotated[
        ProperFraction, about("Decay of the mean of their squares, a step.", unit="share", example=0.99)
    ] = 0.999
    weight_decay: Annotated[NonNegative, WEIGHT_DECAY] = 0.01
    decay: Decayed = "all"


class Constant(Record):
    """The learning rate stays as it is."""

    use: Literal["constant"] = "constant"


class Cosine(Record):
    """Half a cosine from 1 down to `floor`, over all epochs after the warm-up."""

    use: Literal["cosine"] = "cosine"
    floor: Annotated[ProperFraction, about("Where the factor ends.", unit="times the learning rate", example=0.01)] = (
        0.0
    )


class Step(Record):
    """Multiplied by `factor` at every milestone, given in epochs."""

    use: Literal["step"] = "step"
    milestones: Annotated[Several[Count], about("When the learning rate falls.", unit="epochs", example=[30, 40])]
    factor: Annotated[
        Fraction, about("What it is multiplied by each time.", unit="times the learning rate", example=0.2)
    ] = 0.1


class TrainSpec(Record):
    """The recipe, the same for every loss of a suite."""

    epochs: Annotated[
        int, Field(ge=0, le=MOST_EPOCHS), about("Passes over the training samples.", unit="epochs", example=20)
    ] = 10
    batch_size: Annotated[
        int, Field(ge=2), about("Samples of one step of the optimizer.", unit="samples", example=64)
    ] = 128
    optimizer: Annotated[
        Sgd | AdamW,
        Field(discriminator="use"),
        about("How weights are changed; a name in quotes, or a table.", example={"use": "adamw", "lr": 0.001}),
    ] = Sgd()
    schedule: Annotated[
        Constant | Cosine | Step,
        Field(discriminator="use"),
        about("How the learning rate changes; a name in quotes, or a table.", example="cosine"),
    ] = Cosine()
    warmup_epochs: Annotated[
        Neutral[NonNegative], about("The learning rate rises from 0 during these.", unit="epochs", example=1.0)
    ] = 0.0
    augment: Annotated[
        Several[Choice],
        about(
            "Views that change the training images at random, in order; see `kdbench list views`.",
            example=[{"use": "crop", "padding": 2}, "flip"],
        ),
    ] = ()
    mixup: Annotated[
        Positive | None,
        about(
            "Mix each image and label with another sample's, by shares from a beta distribution of this alpha "
            "(Zhang et al. 2018). Without it, nothing is mixed.",
            unit="alpha",
            example=0.2,
        ),
    ] = None
    views: Annotated[
        Literal["fresh", "bank", "shared"],
        about(
            'Which augmented views the seeds see: each its own in every epoch ("fresh"), a finite number of each '
            'sample ("bank"), or one an epoch for all seeds ("shared"). Where they are finite, teachers run once.',
            example="shared",
        ),
    ] = "fresh"
    bank: Annotated[
        Epochs | None,
        about('Views of each sample under views = "bank"; without it, twice the epochs.', unit="views", example=8),
    ] = None
    precision: Annotated[
        Literal["float32", "bfloat16"], about("In which the student computes, under autocast.", example="bfloat16")
    ] = "float32"
    patience: Annotated[
        Count | None,
        about(
            "Stop after so many epochs without a better validation accuracy; without it, train to the end.",
            unit="epochs",
            example=5,
        ),
    ] = None
    select: Annotated[
        Literal["last", "best"],
        about(
            'Whose weights are deployed: those of the last epoch ("last"), or of the one best on validation ("best").',
            example="best",
        ),
    ] = "last"

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core)
        properties = handler.resolve_ref_schema(schema)["properties"]
        for name, names in (("optimizer", ["sgd", "adamw"]), ("schedule", ["constant", "cosine"])):
            tables = {key: properties[name].pop(key) for key in ("oneOf", "discriminator")}
            properties[name]["anyOf"] = [{"enum": names}, tables]
        return schema

    @field_validator("optimizer", "schedule", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        return by_use(value)

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
            value = by_use(value) if isinstance(was, dict) else value
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
