"""What a running suite tells its caller: records, so that they can cross a process boundary as JSON lines."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue, TypeAdapter

from kdbench.results import Layout, NotMeasured, SlicePair
from kdbench.results.predictions import Predictions
from kdbench.results.timings import BatchTimed, ColdStart, Energy
from kdbench.spec import How, Problem, Record
from kdbench.spec.choice import Several


class Checked(Record):
    """A trial was rehearsed on two samples. `reason` says why it cannot run, where it cannot."""

    kind: Literal["checked"] = "checked"
    reason: str | None


class EpochFinished(Record):
    """A trial has finished an epoch; epoch 0 says that it starts. Top-1 on validation, 0 to 1."""

    kind: Literal["epoch"] = "epoch"
    key: str
    epoch: int
    train_loss: float | None
    top1: float


class TrialEnded(Record):
    """A trial is trained (its record is in the store), failed or skipped."""

    kind: Literal["ended"] = "ended"
    key: str
    status: Literal["done", "failed", "skipped"]
    reason: str | None = None
    top1: float | None = None  # on the validation split, with the selected weights
    traceback: str | None = None


class Exported(Record):
    """A trial has its exported file, or this variant of it."""

    kind: Literal["exported"] = "exported"
    key: str
    variant: str = "fp32"


class NotExported(Record):
    """A trial has no exported file: the export failed, or the file does not compute what the network computes."""

    kind: Literal["not exported"] = "not exported"
    key: str
    reason: str


class LatencyMeasured(Record):
    """One network was timed in one way; its record is in the store under this key."""

    kind: Literal["latency"] = "latency"
    key: str
    label: str
    how: How
    p50_microseconds: float
    slice_pairs: int


class LatencyMissing(Record):
    """One network could not be timed in one way."""

    kind: Literal["missing"] = "missing"
    what: NotMeasured


class RoundTimed(Record):
    """One round of interleaved slices, candidate against reference."""

    kind: Literal["round"] = "round"
    sessions: Several[Several[SlicePair]]
    calls: int
    call_microseconds: Several[float]
    conditions: dict[str, JsonValue]


class ColdStarted(Record):
    """A network was loaded in fresh processes, and its energy read where there is a counter."""

    kind: Literal["cold"] = "cold"
    starts: Several[ColdStart]
    energy: Energy


class Swept(Record):
    """Throughput against batch size was measured of one network."""

    kind: Literal["swept"] = "swept"
    label: str
    how: How
    batches: Several[BatchTimed]
    ended: str


class Unanswered(Record):
    """A figure could not be taken, and why."""

    kind: Literal["unanswered"] = "unanswered"
    reason: str


class Evaluated(Record):
    """Artifacts were evaluated on clean images or under a condition."""

    kind: Literal["evaluated"] = "evaluated"
    what: str
    models: int
    of: int  # artifacts that this run evaluates so


class DataDescribed(Record):
    """A dataset was loaded."""

    kind: Literal["data"] = "data"
    shape: Several[int]  # channels, height, width
    classes: int


class FileEvaluated(Record):
    """A file that was brought along was evaluated."""

    kind: Literal["file"] = "file"
    name: str
    test: Predictions


class Probed(Record):
    """A layout was tried on a few batches."""

    kind: Literal["probed"] = "probed"
    epoch_seconds: float | None  # none where the trial does not train


class LaidOut(Record):
    """A wave begins."""

    kind: Literal["layout"] = "layout"
    layout: Layout


class Noted(Record):
    """Something did not go as asked, and what is done instead."""

    kind: Literal["noted"] = "noted"
    text: str


class Crashed(Record):
    """A job did not come to its end: an exception that nobody foresaw, or a process that died."""

    kind: Literal["crashed"] = "crashed"
    reason: str
    traceback: str | None = None


class Refused(Record):
    """A job found that the input is bad: `UserError`, carried over."""

    kind: Literal["refused"] = "refused"
    problems: Several[Problem]


Message = (
    Checked
    | EpochFinished
    | TrialEnded
    | Exported
    | NotExported
    | LatencyMeasured
    | LatencyMissing
    | RoundTimed
    | ColdStarted
    | Swept
    | Unanswered
    | Evaluated
    | DataDescribed
    | FileEvaluated
    | Probed
    | LaidOut
    | Noted
    | Crashed
    | Refused
)
MESSAGE: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="kind")])
