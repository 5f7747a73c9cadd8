"""What a summary consists of: frozen rows of computed figures. Accuracies run from 0 to 1."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from kdbench.analyze.curves import LinearFit, MeanCurve
from kdbench.analyze.latency import CallTimes, RatioEstimate
from kdbench.analyze.statistics import Estimate, PairedDifference
from kdbench.analyze.variants import VariantRow
from kdbench.results import Layout, NotMeasured
from kdbench.results.records import Energy
from kdbench.spec import How, Suite

Role = Literal["teacher", "student"]
Status = Literal["failed", "skipped", "missing"]


@dataclass(frozen=True)
class SeedResult:
    """One trained model of a row."""

    seed: int
    key: str
    top1: float  # on test, of the exported model
    validation_top1: float  # at the epoch whose weights are deployed
    selected_epoch: int
    epochs: int  # the last one trained
    flips: int  # samples whose top-1 differs between torch and ONNX Runtime
    parity_samples: int


@dataclass(frozen=True)
class ComputeEfficiency:
    """Correct test predictions per compute spent, averaged over seeds; `above_chance` counts those beyond guessing."""

    per_gflop: float
    per_gflop_above_chance: float
    per_cpu_second: float | None
    per_cpu_second_above_chance: float | None


@dataclass(frozen=True)
class TrainingFigures:
    """What training one model took, averaged over seeds. The cohort's shared figures are told apart."""

    step_milliseconds: float  # own forward, loss, backward and update
    samples_per_second: float | None  # through own steps alone
    step_seconds: float  # all steps
    evaluation_seconds: float  # own, on validation
    data_seconds: float  # making batches, shared by the cohort
    teacher: str  # 'none', 'live' or 'cached'; 'cached, live' where seeds differ
    teacher_milliseconds: float  # a step, spent on the teacher here, shared by the models that have the same source
    teacher_milliseconds_alone: float  # a step, of a live teacher
    teacher_shared_by: int
    alone_seconds: float  # trained alone without a cache
    shared_seconds: float  # as it was trained, with its share of what was shared
    cohort_cpu_seconds: float  # process CPU time, shared by the cohort
    cohort: int  # models trained in the same pass
    peak_memory_bytes: int
    device: str
    layouts: tuple[tuple[int, int], ...]  # processes at the same time, and threads of each; several where seeds differ


@dataclass(frozen=True)
class ModelRow:
    """One model under one loss, over its seeds."""

    pair: str
    role: Role
    model: str
    loss: str
    architecture: str
    seeds: tuple[SeedResult, ...]
    top1: Estimate
    validation: Estimate
    parameters: int
    flops: int
    onnx_bytes: int
    p50_microseconds: float | None  # at the summary's reference timing
    efficiency: ComputeEfficiency
    training: TrainingFigures
    curve: MeanCurve | None
    line: LinearFit | None  # validation top-1 by epoch
    pareto: bool  # by means: no other model is at least as accurate and as cheap

    @property
    def test_by_seed(self) -> dict[int, float]:
        return {seed.seed: seed.top1 for seed in self.seeds}

    @property
    def validation_by_seed(self) -> dict[int, float]:
        return {seed.seed: seed.validation_top1 for seed in self.seeds}


@dataclass(frozen=True)
class StudentRow(ModelRow):
    """A student against its teacher and against the same student trained alone, paired by seed."""

    alone: bool  # trained on labels only: what every gain is measured against
    gain: PairedDifference | None  # on test, over the student alone; None for itself
    holm_p: float | None  # of that gain, adjusted for all losses of the pair
    retention: float | None  # student / teacher accuracy, mean over seeds
    compression_parameters: float | None
    compression_bytes: float | None
    speedup: RatioEstimate | None  # how many times as long the teacher takes, slice by slice
    cost_rank: int  # by the cost of training it alone; 1 is the cheapest of the pair
    relative_cost: float | None  # that cost over the one of the student alone


@dataclass(frozen=True)
class PairSummary:
    """A teacher and its students, one row a loss; the teacher is None where none finished."""

    pair: str
    teacher: ModelRow | None
    students: tuple[StudentRow, ...]

    @property
    def alone(self) -> StudentRow | None:
        return next((row for row in self.students if row.alone), None)


@dataclass(frozen=True)
class Timing:
    """One architecture timed in one way; cold figures are medians over fresh processes."""

    how: How
    times: CallTimes
    ratio: RatioEstimate | None  # to the reference; None for the reference itself
    settled: bool  # whether the interval became as narrow as asked for
    load_seconds: float
    first_run_seconds: float
    memory_bytes: int
    energy: Energy


@dataclass(frozen=True)
class Throughput:
    """One architecture's samples per second by batch size; `batch` is the smallest that reaches 95 % of the peak."""

    how: How
    rates: tuple[tuple[int, float], ...]
    peak: float
    batch: int
    ended: str  # why no larger batch was timed


@dataclass(frozen=True)
class NoiseCheck:
    """The reference timed against itself: the ratio is 1, so what is found is the machine's noise."""

    how: How
    ratio: RatioEstimate | None
    trusted: bool  # the interval holds 1, and is narrower than the margin
    lag_1: float | None  # correlation of successive calls
    cpu_share: float | None  # CPU time over wall time, of the worker
    switches: int  # involuntary context switches
    steal_seconds: float | None


@dataclass(frozen=True)
class TieCheck:
    """Two files of one architecture, trained under different losses, timed against each other: they must tie."""

    how: How
    model: str
    losses: tuple[str, str]
    ratio: RatioEstimate | None
    ties: bool | None  # None where the interval is wider than the margin


@dataclass(frozen=True)
class Deployed:
    """An architecture as deployed: what it is, what it costs, and what was not measured about it."""

    architecture: str
    models: tuple[tuple[Role, str], ...]
    variant: str  # 'fp32' for the exported file itself
    parameters: int
    flops: int
    onnx_bytes: int
    opset: int
    operators: Mapping[str, int]
    timings: tuple[Timing, ...]
    throughputs: tuple[Throughput, ...]
    not_measured: tuple[NotMeasured, ...]


@dataclass(frozen=True)
class Trouble:
    """A row of the suite that has no result, and why."""

    pair: str
    role: Role
    model: str
    loss: str
    seed: int
    status: Status
    reason: str


@dataclass(frozen=True)
class Elsewhere:
    """A fact in which records differ from the run they are reported with, and how many of them."""

    fact: str  # a key of the environment, or the name of a package
    value: JsonValue  # in those records
    trials: int
    timings: int


@dataclass(frozen=True)
class ReferenceTiming:
    """The one timing that tables and the Pareto front use for all models, by architecture; p50 in microseconds."""

    how: How
    p50: Mapping[str, float]
    ratio: Mapping[str, RatioEstimate]  # to one network, for all but itself

    def speedup(self, slower: str, faster: str) -> RatioEstimate | None:
        """How many times as long the first architecture takes as the second; None where one has no ratio."""
        if slower == faster:
            return None
        above, below = self.ratio.get(slower), self.ratio.get(faster)
        if above and below:
            return above.over(below)
        return above or (below.inverse if below else None)


@dataclass(frozen=True)
class Summary:
    """All that a report says of one run of a suite."""

    suite: Suite
    run_id: str
    command: str  # the line that asked for the run; empty where none was recorded
    started: str
    seconds: float
    trained: int  # in this very run; the others were there already
    entries: int
    environment: Mapping[str, JsonValue]  # of the run
    elsewhere: tuple[Elsewhere, ...]  # records taken on other machines, with other versions or another kdbench
    pairs: tuple[PairSummary, ...]
    deployed: tuple[Deployed, ...]
    variants: tuple[VariantRow, ...]
    noise: tuple[NoiseCheck, ...]
    ties: tuple[TieCheck, ...]
    trouble: tuple[Trouble, ...]
    notes: tuple[str, ...]  # what did not go as asked in this run
    layouts: tuple[Layout, ...]  # processes times threads of each wave that was trained in this run
    reference: ReferenceTiming | None  # None where some model has no latency: FLOPs stand in
    teacher_seeds: int  # teachers behind each pair; with one, intervals hold for that teacher alone
    classes: int | None
    test_samples: int | None
    input_shape: tuple[int, ...]

    @property
    def students(self) -> tuple[StudentRow, ...]:
        return tuple(row for pair in self.pairs for row in pair.students)

    @property
    def models(self) -> tuple[ModelRow, ...]:
        """Teachers and students, pair by pair."""
        return tuple(row for pair in self.pairs for row in ((pair.teacher,) if pair.teacher else ()) + pair.students)
