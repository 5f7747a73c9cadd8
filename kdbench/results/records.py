"""The records: raw values only. Statistics are computed from them (`kdbench.analyze`), never stored."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from kdbench.results.predictions import Agreement, Predictions
from kdbench.results.stored import Stored
from kdbench.results.timings import Energy, NotMeasured
from kdbench.spec import PART, Entry, Record
from kdbench.spec.choice import Several
from kdbench.spec.task import Task


class CurvePoint(Record):
    """The state after an epoch (0: before training), on the validation split."""

    epoch: int
    samples: int  # training samples seen so far
    train_loss: float | None  # mean over the epoch; none at epoch 0
    validation_loss: float  # cross-entropy
    validation_top1: float
    readings: dict[str, float] = Field(default_factory=dict)  # what losses told of themselves, mean over the epoch


class TrainingCost(Record):
    """What a trial's training took. Work that its cohort shared (data, teacher) stands apart from the student's own.

    Seconds of the parts are CPU time over all threads on a CPU, and time of the device on a GPU (decision 18).
    """

    steps: int
    samples: int
    wall_seconds: float  # of the cohort, from its beginning to this model's end
    cpu_seconds: float  # CPU time of the process in that span
    step_seconds: float  # this model's own forward, loss, backward and update
    evaluation_seconds: float  # this model's own, on the validation split
    data_seconds: float  # gathering, augmenting and normalizing batches; shared by the cohort
    teacher: Literal["none", "live", "cached"]  # its forward pass in every batch, or its outputs read from the cache
    teacher_seconds: float  # spent on the teacher in this pass; shared by the models that have the same source
    teacher_seconds_alone: float  # what a live teacher takes for one such model that is trained alone
    teacher_shared_by: int  # models of the cohort that have the same source; 1 for none
    cohort: int  # models trained in the same pass
    peak_memory_bytes: int  # resident set of the process; on a GPU, what torch reserved there
    device: str
    threads: int  # per process
    processes: int = 1  # that trained at the same time
    energy: Energy = Energy(reason="not asked for")  # of the cohort

    @property
    def alone_seconds(self) -> float:
        """What the trial costs alone and without a cache: it shares no work, and the teacher runs in every batch."""
        return self.step_seconds + self.evaluation_seconds + self.data_seconds + self.teacher_seconds_alone

    @property
    def shared_seconds(self) -> float:
        """What it cost here, with its share of the time for data and teacher; over a cohort these add up."""
        shares = self.data_seconds / self.cohort + self.teacher_seconds / self.teacher_shared_by
        return self.step_seconds + self.evaluation_seconds + shares


class TrialRecord(Stored):
    """One set of weights: what was asked for (`trial`, resolved) and how it was trained."""

    key: str
    trial: dict[str, JsonValue]
    curve: Several[CurvePoint]
    selected_epoch: int  # whose weights are kept
    stopped: Literal["epochs", "patience"]
    training: TrainingCost
    weights_sha256: str  # of names, types, shapes and values
    data_sha256: str  # of the raw training, validation and test split as they were used
    task: Task  # the inputs, how they are normalized, and the heads: what a user of the exported file must know
    machine: dict[str, JsonValue]
    finished: str  # ISO 8601, UTC

    @property
    def samples(self) -> float:
        """That it was trained on: those of an epoch."""
        return self.training.samples / max(1, self.curve[-1].epoch - self.curve[0].epoch)

    @property
    def classes(self) -> int:
        """Of all heads together."""
        return sum(head.classes for head in self.task.heads)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of one sample; of images channels, height and width."""
        return self.task.inputs[0].shape

    @property
    def validation_top1(self) -> float:
        """Validation top-1, 0 to 1, at the epoch whose weights are kept."""
        return next(point.validation_top1 for point in self.curve if point.epoch == self.selected_epoch)


class ModelFacts(Record):
    """An exported file. One architecture (graph without weights) is timed once."""

    architecture: str
    parameters: int
    flops: int  # of one sample; 2 x multiply-accumulates
    onnx_bytes: int
    onnx_sha256: str
    weights_sha256: str
    operators: dict[str, int]
    opset: int


class ParityFacts(Record):
    """Torch against ONNX Runtime on real samples."""

    samples: int
    max_difference: float
    tolerance: float
    flips: int  # samples whose top-1 differs


class DriftFacts(Record):
    """A variant's logits against those of the exported file it was made from, on the test split."""

    largest: float  # difference of a logit, in standard deviations of the exported file's logits
    flips: int  # samples whose top-1 differs
    samples: int

    @property
    def share(self) -> float:
        """Of flips in all samples."""
        return self.flips / self.samples


class ArtifactRecord(Stored):
    """An exported file of a trial, as it is (`{"use": "fp32"}`) or as a variant: quantized, or in half precision."""

    key: str
    trial: str
    variant: dict[str, JsonValue]  # resolved
    label: str
    model: ModelFacts
    parity: ParityFacts | None  # with torch; variants have a drift instead
    drift: DriftFacts | None
    machine: dict[str, JsonValue]
    finished: str


class EvaluationRecord(Stored):
    """An artifact on the test split under one condition, with all scores that were asked for."""

    key: str
    trial: str
    artifact: str  # its key
    data: str  # which samples: "test"
    condition: dict[str, JsonValue] | None  # the corruption, without the name a suite gives it; none: clean images
    head: str | None  # which head, on the samples that have a label in it; none: all that the trial deploys
    top1_among_all: float | None = None  # of a head's samples, among the columns of all heads that the trial deploys
    predictions: Predictions
    cpu_seconds: float | None  # of one pass over clean samples, over all threads
    agreement: Agreement | None  # with the teacher, of fp32 files on clean samples
    scores: dict[str, Annotated[float, Field(allow_inf_nan=False)]]  # by metric, as `score_name` calls it
    missing: dict[str, str]  # metrics without a score, and why
    finished: str


class Outcome(Record):
    """How a trial of a run ended."""

    status: Literal["done", "failed", "skipped"]
    reason: str | None = None


class FailureRecord(Stored):
    """Why a trial is not trained. It goes once the trial is."""

    key: str
    status: Literal["failed", "skipped"]
    reason: str
    traceback: str | None = None
    repeats: bool  # the same trial ends so again, under the same code on the same machine
    device: str
    machine: dict[str, JsonValue]
    finished: str


class Layout(Record):
    """Processes times threads of a wave of training, and what the probe measured of it, where there was one."""

    processes: int
    threads: int
    epoch_seconds: float | None = None  # of the wave's first trial alone, in all these processes at once
    seconds: float | None = None  # of the whole wave, as predicted


class RunRecord(Stored):
    """One run of a suite: its rows, how each trial ended, and where it ran."""

    name: str
    run_id: str
    command: str = ""  # the command line that asked for it, quoted for a shell
    suite: dict[str, JsonValue]  # resolved
    entries: Several[Entry]
    outcomes: dict[str, Outcome]  # by trial key
    trained: Several[str]  # keys trained in this very run
    artifacts: Several[str] = ()  # keys of the records that belong to this run
    evaluations: Several[str] = ()
    latencies: Several[str] = ()
    throughputs: Several[str] = ()
    not_measured: Several[NotMeasured]
    layouts: Several[Layout] = ()  # of the waves trained in this very run
    notes: Several[str] = ()  # what could not be done as asked, and what was done instead
    machine: dict[str, JsonValue]
    started: str
    seconds: float

    @property
    def part(self) -> str:
        """What the run took of its suite: `seeds=2,losses=kd`; empty where that is all."""
        return self.name.partition(PART)[2]

    @property
    def again(self) -> str:
        """The command that runs it again."""
        return self.command or f"kdbench run {self.name}"

    @property
    def failed(self) -> frozenset[str]:
        """The keys of what failed and should not have. A try may fail: a tuning looks where training diverges."""
        tries = {entry.key for entry in self.entries if entry.role == "try"}
        tries -= {entry.key for entry in self.entries if entry.role != "try"}
        return frozenset(key for key, outcome in self.outcomes.items() if outcome.status == "failed") - tries
