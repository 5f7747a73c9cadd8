"""What a suite asks for: pairs, losses, ways of teaching and seeds on one dataset under one recipe."""

from collections.abc import Iterator, Mapping
from itertools import count, islice
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, JsonValue, ValidationInfo, field_validator, model_validator
from pydantic.json_schema import WithJsonSchema

from kdbench.spec.choice import Choice, NamedChoice, Record, Several
from kdbench.spec.comparison import Budget, Tuning
from kdbench.spec.conditions import STANDARD, epsilon_of
from kdbench.spec.latency import LatencySpec
from kdbench.spec.recipe import TrainSpec
from kdbench.spec.trial import DataSpec
from kdbench.spec.types import Count, Positive, WholeNumber
from kdbench.spec.variants import Fp32, NamedVariant, distinct


def _leaves(table: Mapping[str, JsonValue], before: str = "") -> Iterator[tuple[str, JsonValue]]:
    """Every value of nested tables, by its dotted name."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{before}{name}.")
        elif value is not None:
            yield f"{before}{name}", value


class Pair(Record):
    """A teacher and the student that learns from it."""

    teacher: Choice
    student: Choice
    name: str | None = None
    lr: Positive | None = None  # of the student's optimizer, where the recipe's does not suit this student

    @property
    def label(self) -> str:
        return self.name or f"{self.teacher.label} -> {self.student.label}"


class Gate(Record):
    """A limit that `kdbench check` holds against a baseline."""

    metric: Literal["top1", "latency"]
    may_drop: Annotated[float, Field(ge=0.005, lt=1)] | None = None  # top1: as a fraction, .005 is half a point
    may_rise: Positive | None = None  # latency: as a fraction, .05 is 5 %

    @model_validator(mode="after")
    def _fits(self) -> Self:
        wanted, other = ("may_drop", "may_rise") if self.metric == "top1" else ("may_rise", "may_drop")
        if getattr(self, wanted) is None or getattr(self, other) is not None:
            raise ValueError(f"metric '{self.metric}' takes {wanted}, and not {other}")
        return self


class SweptChoice(NamedChoice):
    """A choice whose values may be swept in a suite file: see `spec/search/sweep.py`."""

    sweep: str = ""  # what the choice is called without what was swept, where this is one of its settings
    settings: dict[str, JsonValue] = Field(default_factory=dict)  # that were swept


class LossChoice(SweptChoice):
    """A loss, with changes of the recipe for it alone."""

    OWN: ClassVar[tuple[str, ...]] = ("use", "name", "lr", "train")

    lr: JsonValue = None  # of the student's optimizer, where neither the recipe's nor the pair's suits this loss
    train: dict[str, JsonValue] = Field(default_factory=dict)  # keys of the recipe

    @property
    def label(self) -> str:
        """`kd(temperature=2, lr=0.1)`: the name, and what was written of options and recipe."""
        recipe = dict(_leaves({"lr": self.lr, "train": self.train}))
        written = Choice(use=self.use, options={**self.options, **recipe})
        return self.name or written.label

    def recipe(self, usual: TrainSpec) -> TrainSpec:
        """The recipe of a student under this loss. Raises `pydantic.ValidationError` for what no recipe has."""
        changes = dict(self.train)
        if self.lr is not None:
            optimizer = changes.get("optimizer")
            changes["optimizer"] = {**(optimizer if isinstance(optimizer, dict) else {}), "lr": self.lr}
        return usual.changed(changes) if changes else usual


SEEDS_TO_CONFIRM = 5  # as many as a claim needs: `statistics.paired.SEEDS_FOR_A_CLAIM`
MOST_SEEDS = 1000  # a typing error must not fill the memory
SEEDS = {
    "anyOf": [
        {"type": "integer", "minimum": 1, "description": "this many seeds, from 0"},
        {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1},
    ]
}
FURTHER_SEEDS = {
    "anyOf": [
        {"type": "integer", "minimum": 0, "description": "this many seeds, after those of the suite"},
        {"type": "array", "items": {"type": "integer", "minimum": 0}},
    ]
}


def _is_count(value: Any) -> bool:
    """Whether it says how many seeds, not which. Raises `ValueError` for too many."""
    if not isinstance(value, int) or isinstance(value, bool):
        return False
    if not 0 <= value <= MOST_SEEDS:
        raise ValueError(f"{value} seeds were asked for; allowed are 0 to {MOST_SEEDS}")
    return True


class Suite(Record):
    """Everything one command runs: pairs x losses x ways of teaching x seeds on one dataset, under one recipe."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=64)]
    description: str = ""
    data: DataSpec
    seeds: Annotated[tuple[WholeNumber, ...], Field(min_length=1, strict=False), WithJsonSchema(SEEDS)] = (0, 1, 2)
    teacher_seeds: Count = 1  # teachers per pair: see `teacher_seed`
    confirm_seeds: Annotated[tuple[WholeNumber, ...] | None, Field(strict=False), WithJsonSchema(FURTHER_SEEDS)] = None
    budget: Budget = Budget()
    tuning: Tuning | None = None
    train: TrainSpec = TrainSpec()
    teacher_train: TrainSpec | None = None  # the teachers' recipe, where it is another
    view: Choice = Choice(use="clean")
    pairs: Annotated[tuple[Pair, ...], Field(min_length=1, strict=False)]
    losses: Annotated[tuple[LossChoice, ...], Field(min_length=1, strict=False)]
    teaching: Annotated[tuple[SweptChoice, ...], Field(min_length=1, strict=False)] = (SweptChoice(use="single"),)
    conditions: Several[NamedChoice] = tuple(NamedChoice.model_validate(each) for each in STANDARD)
    metrics: Several[NamedChoice] = ()  # of the exported model on the test split, beside accuracy and calibration
    variants: Annotated[Several[NamedVariant], AfterValidator(distinct)] = (
        Fp32(),
    )  # the forms in which models are deployed
    latency: LatencySpec = LatencySpec()
    gates: Several[Gate] = ()

    @field_validator("seeds", mode="before")
    @classmethod
    def _count(cls, value: Any) -> Any:
        return tuple(range(value)) if _is_count(value) else value

    @field_validator("confirm_seeds", mode="before")
    @classmethod
    def _further(cls, value: Any, info: ValidationInfo) -> Any:
        """As many seeds after those of the suite."""
        first = max(info.data.get("seeds", (0,))) + 1
        return tuple(range(first, first + value)) if _is_count(value) else value

    @property
    def attacks(self) -> tuple[NamedChoice, ...]:
        """The conditions that are attacks on a network, within a distance epsilon."""
        return tuple(each for each in self.conditions if epsilon_of(each.options) is not None)

    @property
    def corruptions(self) -> tuple[NamedChoice, ...]:
        """The other conditions, which are the same images for every network."""
        return tuple(each for each in self.conditions if epsilon_of(each.options) is None)

    @property
    def confirming(self) -> tuple[int, ...]:
        """The seeds that take no part in choosing a candidate. Where none are given: as many as the suite's.

        With fewer seeds than a claim needs, or with a single loss, there is nothing to confirm, and there are none.
        """
        if self.confirm_seeds is not None:
            return self.confirm_seeds
        if len(self.seeds) < SEEDS_TO_CONFIRM or len(self.losses) < 2:
            return ()
        taken = self.tuning.seeds if self.tuning else ()
        return tuple(islice((seed for seed in count(max(self.seeds) + 1) if seed not in taken), len(self.seeds)))

    def teacher_seed(self, index: int, further: int = 0) -> int:
        """The seed of the teacher that the student of the seed number `index` learns from: teachers take turns.

        `further` counts on from it, for students with several teachers. Beyond the suite's seeds come the whole
        numbers above them.
        """
        number = index % self.teacher_seeds + further
        return self.seeds[number] if number < len(self.seeds) else max(self.seeds) + 1 + number - len(self.seeds)
