"""What a summary consists of: frozen rows of computed figures. Accuracies run from 0 to 1."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from kdbench.analyze.deployment.rows import (
    Deployed,
    NoiseCheck,
    ReferenceTiming,
    Role,
    Throughput,
    TieCheck,
    Timing,
)
from kdbench.analyze.deployment.variants import VariantRow
from kdbench.analyze.models.conditions import EnvironmentRow
from kdbench.analyze.models.front import Front
from kdbench.analyze.models.learning import LearningRow
from kdbench.analyze.models.metrics import MetricRow
from kdbench.analyze.models.pooled_gain import PooledGain
from kdbench.analyze.models.predictions import AgreementFigures, CalibrationFigures
from kdbench.results import Layout
from kdbench.spec import Suite
from kdbench.statistics.curves import LinearFit, MeanCurve
from kdbench.statistics.gap import GapClosed
from kdbench.statistics.paired import Estimate, Interval, PairedDifference
from kdbench.statistics.ratios import RatioEstimate
from kdbench.statistics.spread import Stability

__all__ = [
    "ComputeEfficiency", "Deployed", "Elsewhere", "ModelRow", "NoiseCheck", "PairSummary", "ReferenceTiming", "Role",
    "SeedResult", "Status", "StudentRow", "Summary", "Throughput", "TieCheck", "Timing", "TrainingFigures", "Trouble",
]  # fmt: skip

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
    per_gpu_second: float | None  # while a GPU serves one call after the other
    per_gpu_second_above_chance: float | None
    per_joule: float | None  # net of the power at rest, at the reference timing
    per_joule_above_chance: float | None
    missing: tuple[str, ...]  # why a figure is not there


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
    joules: float | None  # net of the power at rest, of the cohort divided by its models
    no_joules: str | None  # why there are none
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
    stability: Stability  # of test top-1 over seeds
    calibration: CalibrationFigures
    agreement: AgreementFigures | None  # with its teacher; None for those without
    front: float  # probability that no other model is at least as accurate and as cheap: by p50, or FLOPs

    @property
    def name(self) -> tuple[str, str, str]:
        """What tells it from all other rows."""
        return self.pair, self.role, self.loss

    @property
    def pareto(self) -> bool:
        """Whether it is as likely as not on the Pareto front."""
        return self.front >= 0.5

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
    retention_interval: Interval | None
    gap: GapClosed | None  # between the student alone and the teacher; None for the student alone
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
    spread_test: tuple[float, float] | None  # F and p of 'all losses spread alike' (Brown-Forsythe)

    @property
    def models(self) -> tuple[ModelRow, ...]:
        """The teacher, where there is one, and the students."""
        return ((self.teacher,) if self.teacher else ()) + self.students

    @property
    def alone(self) -> StudentRow | None:
        return next((row for row in self.students if row.alone), None)


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
    environments: tuple[EnvironmentRow, ...]  # empty where none was evaluated
    metrics: tuple[MetricRow, ...]  # empty where none was asked for
    learning: tuple[LearningRow, ...]
    fronts: tuple[Front, ...]
    pooled: tuple[PooledGain, ...]  # of suites with several pairs
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
        return tuple(row for pair in self.pairs for row in pair.models)
