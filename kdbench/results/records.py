"""The records: raw values only. Statistics are computed from them (`kdbench.analyze`), never stored."""

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, TypeAdapter, model_validator

from kdbench.results.predictions import Agreement, Predictions
from kdbench.results.stored import Amount, Key, Keyed, Natural, Number, Part, Raw, Sha256, Stored
from kdbench.results.timings import Energy, NotMeasured
from kdbench.spec import PART, Entry, Trial, content_key, record_content
from kdbench.spec.choice import Several
from kdbench.spec.suite import OF_A_PART
from kdbench.spec.task import Task
from kdbench.spec.trial import RECIPE
from kdbench.spec.variants import Variant


class CurvePoint(Raw):
    """The state after an epoch (0: before training), on the validation split."""

    epoch: Number
    samples: Number  # training samples seen so far
    train_loss: float | None  # mean over the epoch; none at epoch 0
    validation_loss: float  # cross-entropy
    validation_top1: Part
    readings: dict[str, float] = Field(default_factory=dict)  # what losses told of themselves, mean over the epoch


class TrainingCost(Raw):
    """What a trial's training took. Work that its cohort shared (data, teacher) stands apart from the student's own.

    Seconds of the parts are CPU time over all threads on a CPU, and time of the device on a GPU (decision 18).
    """

    steps: Number
    samples: Number
    wall_seconds: Amount  # of the cohort, from its beginning to this model's end
    cpu_seconds: Amount  # CPU time of the process in that span
    step_seconds: Amount  # this model's own forward, loss, backward and update
    evaluation_seconds: Amount  # this model's own, on the validation split
    data_seconds: Amount  # gathering, augmenting and normalizing batches; shared by the cohort
    teacher: Literal["none", "live", "cached"]  # its forward pass in every batch, or its outputs read from the cache
    teacher_seconds: Amount  # spent on the teacher in this pass; shared by the models that have the same source
    teacher_seconds_alone: Amount  # what a live teacher takes for one such model that is trained alone
    teacher_shared_by: Natural  # models of the cohort that have the same source; 1 for none
    cohort: Natural  # models trained in the same pass
    peak_memory_bytes: Number  # resident set of the process; on a GPU, what torch reserved there
    device: str
    threads: Natural  # per process
    processes: Natural = 1  # that trained at the same time
    energy: Energy = Energy(reason="not asked for")  # of the cohort

    @property
    def alone_seconds(self) -> float:
        """What the trial costs alone and without a cache: it shares no work, and the teacher runs in every batch."""
        return self.step_seconds + self.evaluation_seconds + self.data_seconds + self.teacher_seconds_alone

    def after(self, earlier: "TrainingCost") -> "TrainingCost":
        """Of the whole of a training that was interrupted, whose first part took `earlier`.

        Steps and samples count from its beginning, and energy is of the second part, over the samples of that.
        """
        sums = ("wall", "cpu", "step", "evaluation", "data", "teacher")
        names = (*(f"{name}_seconds" for name in sums), "teacher_seconds_alone")
        both = {name: getattr(self, name) + getattr(earlier, name) for name in names}
        most = max(self.peak_memory_bytes, earlier.peak_memory_bytes)
        return self.model_copy(update={**both, "peak_memory_bytes": most})

    @property
    def shared_seconds(self) -> float:
        """What it cost here, with its share of the time for data and teacher; over a cohort these add up."""
        shares = self.data_seconds / self.cohort + self.teacher_seconds / self.teacher_shared_by
        return self.step_seconds + self.evaluation_seconds + shares


class TrialRecord(Keyed):
    """One set of weights: what was asked for (`trial`, resolved) and how it was trained."""

    trial: Trial
    curve: Annotated[tuple[CurvePoint, ...], Field(strict=False, min_length=1)]
    selected_epoch: Number  # whose weights are kept
    stopped: Literal["epochs", "patience"]
    training: TrainingCost
    weights_sha256: Sha256  # of names, types, shapes and values
    data_sha256: Sha256  # of the raw training, validation and test split as they were used
    task: Task  # the inputs, how they are normalized, and the heads: what a user of the exported file must know
    machine: dict[str, JsonValue]
    finished: str  # ISO 8601, UTC

    @model_validator(mode="after")
    def _fits(self) -> Self:
        content = record_content(self.trial)
        if self.key not in (content_key({"recipe": recipe, **content}) for recipe in range(RECIPE, 0, -1)):
            raise ValueError(f"{self.key} is not the key of its trial")
        if self.selected_epoch not in (point.epoch for point in self.curve):
            raise ValueError(f"its curve has no epoch {self.selected_epoch}, whose weights are kept")
        if any(later.samples <= point.samples for point, later in pairwise(self.curve)):
            raise ValueError("the samples of its curve do not rise")
        if not self.task.inputs or not self.task.heads:
            raise ValueError("its task has no inputs or no heads")
        return self

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


class ModelFacts(Raw):
    """An exported file. One architecture (graph without weights) is timed once."""

    architecture: str
    parameters: Number
    flops: Number  # of one sample; 2 x multiply-accumulates
    onnx_bytes: Number
    onnx_sha256: Sha256
    weights_sha256: Sha256
    operators: dict[str, Natural]
    opset: Natural


class ParityFacts(Raw):
    """Torch against ONNX Runtime on real samples."""

    samples: Natural
    max_difference: Amount
    tolerance: Amount
    flips: Number  # samples whose top-1 differs


class DriftFacts(Raw):
    """A variant's logits against those of the exported file it was made from, on the test split."""

    largest: Amount  # difference of a logit, in standard deviations of the exported file's logits
    flips: Number  # samples whose top-1 differs
    samples: Natural

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.flips > self.samples:
            raise ValueError(f"{self.flips} of {self.samples} samples differ")
        return self

    @property
    def share(self) -> float:
        """Of flips in all samples."""
        return self.flips / self.samples


_VARIANT: TypeAdapter[Variant] = TypeAdapter(Variant)


class ArtifactRecord(Keyed):
    """An exported file of a trial, as it is (`{"use": "fp32"}`) or as a variant: quantized, or in half precision."""

    trial: Key
    variant: dict[str, JsonValue]  # resolved
    label: str
    model: ModelFacts
    parity: ParityFacts | None  # with torch; variants have a drift instead
    drift: DriftFacts | None
    machine: dict[str, JsonValue]
    finished: str

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.parity is None) == (self.drift is None):
            raise ValueError("a file has been compared with torch (parity), or with the one it is made from (drift)")
        _VARIANT.validate_python(self.variant)
        return self


class EvaluationRecord(Keyed):
    """An artifact on the test split under one condition, with all scores that were asked for."""

    trial: Key
    artifact: Key
    data: str  # which samples: "test"
    condition: dict[str, JsonValue] | None  # the corruption, without the name a suite gives it; none: clean images
    head: str | None  # which head, on the samples that have a label in it; none: all that the trial deploys
    top1_among_all: Part | None = None  # of a head's samples, among the columns of all heads that the trial deploys
    predictions: Predictions
    cpu_seconds: Amount | None  # of one pass over clean samples, over all threads
    agreement: Agreement | None  # with the teacher, of fp32 files on clean samples
    scores: dict[str, float]  # by metric, as `score_name` calls it
    missing: dict[str, str]  # metrics without a score, and why
    finished: str


class Outcome(Raw):
    """How a trial of a run ended."""

    status: Literal["done", "failed", "skipped"]
    reason: str | None = None


class FailureRecord(Keyed):
    """Why a trial is not trained. It goes once the trial is."""

    status: Literal["failed", "skipped"]
    reason: str
    traceback: str | None = None
    repeats: bool  # the same trial ends so again, under the same code on the same machine
    device: str
    machine: dict[str, JsonValue]
    finished: str


class Layout(Raw):
    """Processes times threads of a wave of training, and what the probe measured of it, where there was one."""

    processes: Natural
    threads: Natural
    epoch_seconds: Amount | None = None  # of the wave's first trial alone, in all these processes at once
    seconds: Amount | None = None  # of the whole wave, as predicted


class RunRecord(Stored):
    """One run of a suite: its rows, how each trial ended, and where it ran."""

    name: Annotated[str, Field(pattern=OF_A_PART, max_length=160)]
    run_id: Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z.-]*$", max_length=60)]
    command: str = ""  # the command line that asked for it, quoted for a shell
    suite: dict[str, JsonValue]  # resolved
    entries: Several[Entry]
    outcomes: dict[Key, Outcome]  # by trial key
    trained: Several[Key]  # trained in this very run
    artifacts: Several[Key] = ()  # of the records that belong to this run
    evaluations: Several[Key] = ()
    latencies: Several[Key] = ()
    throughputs: Several[Key] = ()
    not_measured: Several[NotMeasured]
    layouts: Several[Layout] = ()  # of the waves trained in this very run
    notes: Several[str] = ()  # what could not be done as asked, and what was done instead
    machine: dict[str, JsonValue]
    started: str
    seconds: Amount

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
