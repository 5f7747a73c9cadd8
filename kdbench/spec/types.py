"""Option types with ranges. A callable annotates an option with one; a value outside is refused before any run."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic.json_schema import WithJsonSchema
from pydantic_core import PydanticCustomError

from kdbench.spec.choice import Choice
from kdbench.spec.keys import Neutral as Neutral

T = TypeVar("T")

Scale = Literal["linear", "log"]


@dataclass(frozen=True)
class Range:
    """Annotates an option with the values that a search tries; where `relative`, as multiples of what the loss has."""

    low: float
    high: float
    scale: Scale = "log"
    relative: bool = False

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}" + (" times its value" if self.relative else "")


class _NetworkMark:
    """Marks an option that changes which network is deployed."""


NETWORK = _NetworkMark()
# `factor: Deployed[Count] = 2`: its values give networks of other costs, so that no search or sweep may choose one.
Deployed = Annotated[T, NETWORK]


class _FolderMark:
    """Marks an option that is a path."""


FOLDER = _FolderMark()
Folder = Annotated[str, FOLDER]  # of a suite file: relative to its own folder, where something is there
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Fraction = Annotated[float, Field(gt=0, le=1)]
ProperFraction = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(gt=0, le=1), Range(0.05, 1.0, "linear")]
Smoothing = Annotated[float, Field(ge=0, lt=1), Range(0.02, 0.4)]
# Of losses: weights and other factors are tried from a tenth to ten times what the loss has.
Factor = Annotated[float, Field(gt=0, allow_inf_nan=False), Range(0.1, 10.0, relative=True)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False), Range(0.1, 10.0, relative=True)]
Temperature = Annotated[float, Field(gt=0, allow_inf_nan=False), Range(0.25, 4.0, relative=True)]
HalfTurn = Annotated[float, Field(ge=0, le=0.5)]
Network = Choice  # an option that is a model, by its name or with options of its own
Source = Choice  # an option that is a dataset, likewise
Count = Annotated[int, Field(ge=1)]
WholeNumber = Annotated[int, Field(ge=0)]


def _in_blocks(depth: int) -> int:
    if depth < 8 or (depth - 2) % 6:
        raise PydanticCustomError("depth", "allowed: 6n+2, as 8, 14, 20, 32, 44, 56, 110")
    return depth


ResnetDepth = Annotated[Count, AfterValidator(_in_blocks)]  # of three stages of n blocks, for small images
# Bounds against typing errors, which would fill the memory or never end.
MOST_SEEDS = 1000
LARGEST_SEED = 2**32 - 1  # of numpy's generators
MOST_EPOCHS = 100_000
MOST_TIMES = 1000.0
LARGEST_BATCH = 2**16
Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]
Epochs = Annotated[int, Field(ge=1, le=MOST_EPOCHS)]
Times = Annotated[float, Field(gt=0, le=MOST_TIMES)]  # as long
Batch = Annotated[int, Field(ge=1, le=LARGEST_BATCH)]
_LISTED = {
    "type": "array",
    "items": {"type": "integer", "minimum": 0, "maximum": LARGEST_SEED},
    "maxItems": MOST_SEEDS,
}
_MANY = {"type": "integer", "minimum": 1, "maximum": MOST_SEEDS, "description": "this many seeds, from 0"}
_FURTHER = {
    "type": "integer",
    "minimum": 0,
    "maximum": MOST_SEEDS,
    "description": "this many seeds, after those of the suite",
}
# How many, or which: `is_count` tells them apart.
Seeds = Annotated[
    tuple[Seed, ...],
    Field(min_length=1, max_length=MOST_SEEDS, strict=False),
    WithJsonSchema({"anyOf": [_MANY, {**_LISTED, "minItems": 1}]}),
]
FurtherSeeds = Annotated[
    tuple[Seed, ...],
    Field(max_length=MOST_SEEDS, strict=False),
    WithJsonSchema({"anyOf": [_FURTHER, _LISTED]}),
]
TeacherCount = Annotated[int, Field(ge=1, le=5)]
PeerCount = Annotated[int, Field(ge=2, le=4)]
GenerationCount = Annotated[int, Field(ge=1, le=100)]

# ONNX Runtime's execution providers by short name; `kdbench.deploy` maps them.
Provider = Literal["cpu", "cuda", "tensorrt", "tensorrt_rtx", "openvino", "webgpu", "coreml", "dml", "xnnpack"]
ON_NVIDIA = ("cuda", "tensorrt", "tensorrt_rtx")


def is_count(value: Any) -> bool:
    """Whether it says how many seeds, not which. Raises `ValueError` for too many."""
    if not isinstance(value, int) or isinstance(value, bool):
        return False
    if not 0 <= value <= MOST_SEEDS:
        raise ValueError(f"{value} seeds were asked for; allowed are 0 to {MOST_SEEDS}")
    return True


def _whole_or_all(value: Any) -> Any:
    """One error for both kinds of values; pydantic would report one for each."""
    if value == "cores" or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    raise PydanticCustomError("threads", 'allowed: a whole number, at least 1; or "cores": all physical cores')


Threads = Annotated[Count | Literal["cores"], BeforeValidator(_whole_or_all)]

# From where to where a call is timed: host array to host array, tensors that stay on the device, or those replayed as
# a CUDA graph.
CallPath = Literal["host", "device", "graph"]
ON_DEVICE = ("cuda", "tensorrt")  # providers with memory of their own
