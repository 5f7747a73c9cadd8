"""The frozen records a suite consists of, and the trial: one model trained once."""

import hashlib
import json
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    GetJsonSchemaHandler,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue, WithJsonSchema
from pydantic_core import CoreSchema

from kdbench.spec.choice import Choice, NamedChoice, Record, Several, open_table
from kdbench.spec.conditions import STANDARD
from kdbench.spec.recipe import TrainSpec
from kdbench.spec.types import (
    ON_DEVICE,
    CallPath,
    Count,
    Fraction,
    Positive,
    Provider,
    Threads,
    WholeNumber,
)
from kdbench.spec.variants import Fp32, NamedVariant, distinct

# Part of every key: raise it when a change of kdbench alters the numbers that a trial yields.
RECIPE = 1


class DataSpec(Record):
    """A dataset and the slice of its training split that is used; validation is held out first."""

    dataset: Choice
    fraction: Fraction = 1.0  # of the training samples, stratified by class
    per_class: Count | None = None  # at most so many training samples of each class
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.1
    split_seed: WholeNumber = 0

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"dataset": value}
        if isinstance(value, dict) and "dataset" not in value:
            own = {k: v for k, v in value.items() if k in cls.model_fields}
            own["dataset"] = {k: v for k, v in value.items() if k not in cls.model_fields}
            return own
        return value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return open_table(core, handler, hide=("dataset",))


class Trial(Record):
    """One model trained once. Teachers are trials too; none means labels alone."""

    model: Choice
    data: DataSpec
    loss: Choice
    train: TrainSpec
    view: Choice = Choice(use="clean")
    seed: WholeNumber
    teachers: tuple["Trial", ...] = Field(default=(), strict=False)
    start: "Trial | None" = None

    @property  # not cached: `model_copy` would hand the old key to a changed trial
    def key(self) -> str:
        """The first 16 hex digits of the SHA-256 of the trial as canonical JSON."""
        content = self.model_dump(mode="json", exclude={"teachers", "start"})
        content["teachers"] = [teacher.key for teacher in self.teachers]
        content["start"] = self.start.key if self.start else None
        return content_key({"recipe": RECIPE, **content})

    @property
    def depth(self) -> int:
        """How many trials stand before this one on the longest path: the wave that it runs in."""
        before = (*self.teachers, *((self.start,) if self.start else ()))
        return max((1 + trial.depth for trial in before), default=0)


def content_key(content: Any) -> str:
    """The first 16 hex digits of the SHA-256 of canonical JSON."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Pair(Record):
    """A teacher and the student that learns from it."""

    teacher: Choice
    student: Choice
    name: str | None = None
    lr: Positive | None = None  # of the student's optimizer, where the recipe's does not suit this student

    @property
    def label(self) -> str:
        return self.name or f"{self.teacher.label} -> {self.student.label}"


class How(Record):
    """How one latency is taken."""

    provider: Provider
    threads: Count
    batch: Count
    spinning: bool = False  # whether threads without work keep their core busy
    path: CallPath = "host"

    @property
    def label(self) -> str:
        """'cpu, 2 threads, spinning, batch 32'."""
        words = [self.provider, f"{self.threads} thread{'s' * (self.threads > 1)}"]
        words += ["spinning"] * self.spinning + {"host": [], "device": ["on the device"], "graph": ["CUDA graph"]}[
            self.path
        ]
        return ", ".join([*words, f"batch {self.batch}"])


class LatencySpec(Record):
    """What is timed, once per architecture: every combination, in slices interleaved with a reference network's."""

    batch_sizes: Several[Count] = (1, 32)
    threads: Several[Threads] = (1,)  # "cores": all physical cores
    providers: Several[Provider] = ("cpu",)
    spinning: Several[bool] = (False,)
    paths: Several[CallPath] = ("host",)  # on a GPU; elsewhere host arrays go in and out
    margin: Positive = 0.05  # timing goes on until the ratio's interval is within half of it to both sides
    largest_batch: Count = 256  # throughput is swept over batches 1, 2, 4 ... up to this; 1: no sweep

    def combinations(self, cores: int) -> tuple[How, ...]:
        """Everything that is timed of one architecture on a machine with so many usable physical cores."""
        return tuple(
            How(provider=provider, threads=threads, batch=batch, spinning=spinning, path=path)
            for provider in self.providers
            for path in (self.paths if provider in ON_DEVICE else ("host",))
            for threads in dict.fromkeys(cores if count == "cores" else count for count in self.threads)
            for spinning in self.spinning
            for batch in self.batch_sizes
        )


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


MOST_SEEDS = 1000  # a slip of the finger should not fill the memory
SEEDS = {
    "anyOf": [
        {"type": "integer", "minimum": 1, "description": "this many seeds, from 0"},
        {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1},
    ]
}


class Suite(Record):
    """Everything one command runs: pairs x losses x seeds on one dataset, under one recipe."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=64)]
    description: str = ""
    data: DataSpec
    seeds: Annotated[tuple[WholeNumber, ...], Field(min_length=1, strict=False), WithJsonSchema(SEEDS)] = (0, 1, 2)
    teacher_seeds: Count = 1  # teachers per pair; student i learns from teacher i modulo this
    train: TrainSpec = TrainSpec()
    teacher_train: TrainSpec | None = None  # the teachers' recipe, where it is another
    view: Choice = Choice(use="clean")
    pairs: Annotated[tuple[Pair, ...], Field(min_length=1, strict=False)]
    losses: Annotated[tuple[NamedChoice, ...], Field(min_length=1, strict=False)]
    environments: Several[NamedChoice] = tuple(NamedChoice.model_validate(each) for each in STANDARD)
    metrics: Several[NamedChoice] = ()  # of the exported model on the test split, beside accuracy and calibration
    variants: Annotated[Several[NamedVariant], AfterValidator(distinct)] = (Fp32(),)  # as which models are deployed
    latency: LatencySpec = LatencySpec()
    gates: Several[Gate] = ()

    @field_validator("seeds", mode="before")
    @classmethod
    def _count(cls, value: Any) -> Any:
        if isinstance(value, int) and not isinstance(value, bool):
            if value > MOST_SEEDS:
                raise ValueError(f"{value} seeds were asked for; allowed are at most {MOST_SEEDS}")
            return tuple(range(value))
        return value
