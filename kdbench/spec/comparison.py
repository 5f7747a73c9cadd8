"""What makes a comparison fair: students that may cost the same, and settings that were searched for alike."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from kdbench.spec.choice import Record, Several, about
from kdbench.spec.types import Count, Positive, Scale, WholeNumber


class Budget(Record):
    """How long students are trained, as multiples of the recipe's epochs; and at equal what losses are compared.

    By cost, a loss is compared with the student alone as it is after as many seconds of training as the loss takes.
    """

    by: Annotated[
        Literal["epochs", "cost", "both"],
        about("At equal what a loss is compared with the student alone.", example="epochs"),
    ] = "both"
    alone: Annotated[
        Several[Positive],
        Field(min_length=1),
        about(
            'How long the student alone is trained, 1 among them; no more than once where by = "epochs".',
            unit="times the epochs of the recipe",
            example=[1, 2],
        ),
    ] = (1.0, 2.0, 4.0)
    losses: Annotated[
        Several[Positive],
        Field(min_length=1),
        about(
            "How long all other students are trained, 1 among them.",
            unit="times the epochs of the recipe",
            example=[0.5, 1],
        ),
    ] = (1.0,)


class Span(Record):
    """A range of values: `{ range = [0.01, 1.0], scale = "log" }`."""

    range: Annotated[
        tuple[Positive, Positive],
        Field(strict=False),
        about("The lowest and the highest learning rate.", unit="times the gradient", example=[0.005, 0.5]),
    ]
    scale: Annotated[Scale, about("Whether tries are spread evenly in the value or in its logarithm.", example="log")]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.range[0] >= self.range[1]:
            raise ValueError(f"range = {list(self.range)} does not rise: give the lower value first")
        return self


class Tuning(Record):
    """The search for each row's settings: learning rate and options of the loss, chosen on validation."""

    trials: Annotated[
        int, Field(ge=2, le=1000), about("Tries of each loss; the first is as published.", unit="tries", example=20)
    ] = 10
    seeds: Annotated[
        tuple[WholeNumber, ...],
        Field(min_length=1, strict=False),
        about("Seeds of the tries, none of them the suite's.", unit="seed numbers", example=[1000, 1001]),
    ] = (1000,)
    epochs: Annotated[
        Count | None, about("Length of a try; without it, that of the recipe.", unit="epochs", example=5)
    ] = None
    lr: Annotated[
        Span | None,
        about(
            "Learning rates to try; without it, a tenth to ten times the student's.",
            example={"range": [0.005, 0.5], "scale": "log"},
        ),
    ] = None
    search: Annotated[
        Literal["quasi-random", "optuna"],
        about('How settings are chosen: points that fill the space, or optuna (extra "search").', example="optuna"),
    ] = "quasi-random"
