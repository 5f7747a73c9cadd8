"""What a run tells its caller as it goes on."""

from dataclasses import dataclass
from typing import Literal

from kdbench.execute.workers.messages import EpochFinished, Noted
from kdbench.results import Layout, NotMeasured
from kdbench.results.predictions import Predictions
from kdbench.spec import Gate, How, Plan, Record


@dataclass(frozen=True)
class Planned:
    """What is known to be needed so far, and which trials of it are to be trained.

    `gates` are those of a check, for which alone trials are measured.
    """

    plan: Plan
    lacking: frozenset[str]
    gates: tuple[Gate, ...] | None = None


Work = Literal["check", "train", "test", "conditions", "timing", "report"]  # of a run, in their order


class Ahead(Record):
    """So much work is known to be ahead: rehearsals, files, files under conditions, rounds, pages."""

    work: Work
    units: int


class Rehearsed(Record):
    """A trial was rehearsed, for all that are alike."""


class LaidOut(Record):
    """A wave of training begins, in so many processes and threads."""

    layout: Layout


class TrialEnded(Record):
    """A trial is trained (its record is in the store), failed or skipped."""

    key: str
    status: Literal["done", "failed", "skipped"]
    reason: str | None = None
    top1: float | None = None  # on the validation split, with the selected weights
    traceback: str | None = None
    repeats: bool = False  # of one that is not done: it would end so again


class Exported(Record):
    """A trial has its exported file, or this variant of it."""

    key: str
    variant: str = "fp32"


class NotExported(Record):
    """A trial has no exported file: the export failed, or the file does not compute what the network computes."""

    key: str
    reason: str


class Evaluated(Record):
    """Artifacts were evaluated on clean images or under a condition."""

    what: str
    models: int
    of: int  # artifacts that this run evaluates so


class FileEvaluated(Record):
    """A file that the user brought was evaluated."""

    name: str
    test: Predictions


class RoundFinished(Record):
    """One ratio was timed for one more round. Others may have their turn before it goes on."""

    number: int
    most: int  # rounds that there may be
    further: int = 0  # that the last look has put ahead, which did not settle it


class LatencyMeasured(Record):
    """One network was timed in one way; its record is in the store under this key."""

    key: str
    label: str
    how: How
    ratio: float | None  # to the reference's latency; none where no session counts
    slice_pairs: int
    tie: bool  # a check of one more file of the same architecture


class LatencyMissing(Record):
    """One network could not be timed in one way."""

    what: NotMeasured


class ThroughputMeasured(Record):
    """Throughput against batch size was measured of one network, up to the largest batch that was timed."""

    label: str
    how: How
    largest: int
    ended: str  # why no larger one was timed


RunEvent = (
    Planned
    | Ahead
    | Rehearsed
    | LaidOut
    | EpochFinished
    | Noted
    | TrialEnded
    | Exported
    | NotExported
    | Evaluated
    | FileEvaluated
    | RoundFinished
    | LatencyMeasured
    | LatencyMissing
    | ThroughputMeasured
)
