"""What makes a comparison fair: students that may cost the same, and settings that were searched for alike."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from kdbench.spec.choice import Record, Several
from kdbench.spec.types import Count, Positive, Scale, WholeNumber


class Budget(Record):
    """How long students are trained, as multiples of the recipe's epochs; and at equal what losses are compared.

    By cost, a loss is compared with the student alone as it is after as many seconds of training as the loss takes.
    """

    by: Literal["epochs", "cost", "both"] = "both"
    alone: Annotated[Several[Positive], Field(min_length=1)] = (1.0, 2.0, 4.0)  # unless by = "epochs"
    losses: Annotated[Several[Positive], Field(min_length=1)] = (1.0,)  # all others


class Span(Record):
    """A range of values: `{ range = [0.01, 1.0], scale = "log" }`."""

    range: Annotated[tuple[Positive, Positive], Field(strict=False)]
    scale: Scale

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.range[0] >= self.range[1]:
            raise ValueError(f"range = {list(self.range)} does not rise: give the lower value first")
        return self


class Tuning(Record):
    """The search for each row's settings: learning rate and options of the loss, chosen on validation."""

    trials: Annotated[int, Field(ge=2, le=1000)] = 10  # tries for each row, of which the first is as published
    seeds: Annotated[tuple[WholeNumber, ...], Field(min_length=1, strict=False)] = (1000,)
    epochs: Count | None = None  # of each try; none: the recipe's
    lr: Span | None = None  # none: a tenth to ten times the one that the student has
    search: Literal["quasi-random", "optuna"] = "quasi-random"
