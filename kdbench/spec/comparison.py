"""What makes a comparison fair: students that may cost the same, and settings that were searched for alike.

And what holds a suite against its baseline: gates.
"""

from collections.abc import Iterable
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from kdbench.spec.choice import Record, Several, about
from kdbench.spec.types import MOST_SEEDS, Epochs, Positive, Scale, Seed, Times


class Budget(Record):
    """How long students are trained, as multiples of the recipe's epochs; and at equal what losses are compared.

    By cost, a loss is compared with the student alone as it is after as many seconds of training as the loss takes.
    """

    by: Annotated[
        Literal["epochs", "cost", "both"],
        about("At equal what a loss is compared with the student alone.", example="epochs"),
    ] = "both"
    alone: Annotated[
        Several[Times],
        Field(min_length=1),
        about(
            'How long the student alone is trained, 1 among them; no more than once where by = "epochs".',
            unit="times the epochs of the recipe",
            example=[1, 2],
        ),
    ] = (1.0, 2.0, 4.0)
    losses: Annotated[
        Several[Times],
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
        tuple[Seed, ...],
        Field(min_length=1, max_length=MOST_SEEDS, strict=False),
        about("Seeds of the tries, none of them the suite's.", unit="seed numbers", example=[1000, 1001]),
    ] = (1000,)
    epochs: Annotated[
        Epochs | None, about("Length of a try; without it, that of the recipe.", unit="epochs", example=5)
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


# Figures of one trained network each, which a gate judges over seeds; those of an exported file, which it compares
# exactly; and the time that it takes.
OfSeeds = Literal["top1", "right_everywhere", "ece", "training_seconds"]
OfFiles = Literal["parameters", "flops", "onnx_bytes", "operators"]
Metric = Literal[OfSeeds, OfFiles, "latency"]
OF_SEEDS: tuple[OfSeeds, ...] = get_args(OfSeeds)
METRICS: tuple[Metric, ...] = (*OF_SEEDS, *get_args(OfFiles), "latency")
FALLING = ("top1", "right_everywhere")  # where less is worse


class Gate(Record):
    """A limit that `kdbench check` holds against a baseline."""

    metric: Annotated[
        Metric,
        about(
            "What is held against the baseline: top-1, the share right under every corruption, the calibration error, "
            "seconds of training; of files parameters, FLOPs, bytes, operators; latency.",
            example="top1",
        ),
    ]
    condition: Annotated[
        str | None, about("Top-1 under this condition of the suite instead of clean images.", example="noise")
    ] = None
    variant: Annotated[
        str | None, about("Top-1 of this variant instead of the exported file as it is.", example="int8_static")
    ] = None
    may_drop: Annotated[
        Annotated[float, Field(ge=0.005, lt=1)] | None,
        about("How far a share may fall: 0.01 is one point.", unit="share", example=0.01),
    ] = None
    may_rise: Annotated[
        Annotated[float, Field(ge=0, le=100)] | None,
        about("How far any other figure may rise: 0.05 is 5 %, of ece 5 points.", unit="share", example=0.05),
    ] = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        wanted, other = ("may_drop", "may_rise") if self.metric in FALLING else ("may_rise", "may_drop")
        if getattr(self, wanted) is None or getattr(self, other) is not None:
            raise ValueError(f"metric '{self.metric}' takes {wanted}, and not {other}")
        if not self.may_rise and self.metric in ("latency", "ece", "training_seconds"):
            raise ValueError(f"metric '{self.metric}' varies from run to run: may_rise is above 0")
        if self.condition and self.variant:
            raise ValueError("a gate takes condition or variant, and not both")
        if (self.condition or self.variant) and self.metric != "top1":
            raise ValueError(f"metric '{self.metric}' takes no condition and no variant: they are for top1")
        return self

    @property
    def label(self) -> str:
        """`top1`, `top1 under noise`, `top1 of int8_static`."""
        under = f" under {self.condition}" if self.condition else f" of {self.variant}" if self.variant else ""
        return f"{self.metric}{under}"

    @property
    def limit(self) -> float:
        """How far the figure may fall or rise."""
        return self.may_rise or self.may_drop or 0.0


# What costs nothing to hold is always held, whether a suite writes it or not.
ALWAYS = (
    Gate(metric="top1", may_drop=0.005),
    *(Gate(metric=metric, may_rise=0.0) for metric in get_args(OfFiles) if metric != "operators"),
)


def held(gates: Iterable[Gate]) -> tuple[Gate, ...]:
    """The gates that hold, one for each figure: the narrowest of those written, and `ALWAYS` for what is not."""
    found: dict[str, Gate] = {}
    for gate in sorted(gates, key=lambda each: each.limit):
        found.setdefault(gate.label, gate)
    return tuple(({gate.label: gate for gate in ALWAYS} | found).values())


def of_seeds(gates: Iterable[Gate]) -> list[Gate]:
    """Those that are judged over seeds."""
    return [gate for gate in gates if gate.metric in OF_SEEDS]


def of_files(gates: Iterable[Gate]) -> list[Gate]:
    """Those that compare exported files exactly."""
    return [gate for gate in gates if gate.metric in get_args(OfFiles)]
