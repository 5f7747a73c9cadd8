"""One row of a report: one model under one loss and way of teaching, over its seeds. Accuracies run from 0 to 1."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from kdbench.analyze.deployment.architectures import Deployed, ReferenceTiming
from kdbench.analyze.models.calibration import (
    AgreementFigures,
    CalibrationFigures,
    agreement_figures,
    calibration_figures,
)
from kdbench.analyze.models.cost import TrainingFigures, training_figures
from kdbench.analyze.models.efficiency import ComputeEfficiency, compute_efficiency
from kdbench.results import CurvePoint, TrialResult
from kdbench.spec import Entry
from kdbench.spec.planning.entry import Role, row_name
from kdbench.statistics.crossed import crossed_estimate, prediction_interval
from kdbench.statistics.curves import Curve, LinearFit, MeanCurve, fit_line, mean_curve
from kdbench.statistics.gap import GapClosed, retention
from kdbench.statistics.intervals import Estimate, Interval, estimate
from kdbench.statistics.paired import PairedDifference
from kdbench.statistics.ratios import RatioEstimate
from kdbench.statistics.spread import Stability, collapsed, stability
from kdbench.statistics.verdicts import Word

Done = tuple[Entry, TrialResult]
Bits = NDArray[np.bool_]
# What a student and the student alone have in common where they are compared: epochs, the cost of training each by
# itself without a cache, or that cost as it was shared in this run.
Equal = Literal["epochs", "cost", "shared cost"]


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
class ModelRow:
    """One model under one loss and way of teaching, over its seeds."""

    pair: str
    role: Role
    model: str
    loss: str
    teaching: str  # the way of teaching; empty for teachers and for plain students without a teacher
    budget: float  # epochs over those of the recipe
    tuned: bool  # under the settings that the tuning chose
    sweep: str  # the label of the loss that it is a swept setting of
    settings: Mapping[str, JsonValue]  # where tuned or swept
    architecture: str
    seeds: tuple[SeedResult, ...]
    correct: Mapping[int, Bits] = field(repr=False, compare=False)  # test samples predicted right, by seed
    learned: tuple[int, ...]  # seeds that did not collapse; all where all did
    top1: Estimate  # over `learned`, for other seeds and other test samples
    prediction: Interval | None  # of one further network, likewise
    validation: Estimate
    parameters: int
    flops: int
    onnx_bytes: int
    p50_microseconds: float | None  # observed, at the summary's reference timing
    scaled_microseconds: float | None  # the reference network's, times the ratio to it: by which models are ordered
    efficiency: ComputeEfficiency
    training: TrainingFigures
    curve: MeanCurve | None
    line: LinearFit | None  # validation top-1 by epoch
    stability: Stability  # of test top-1 over seeds
    calibration: CalibrationFigures
    agreement: AgreementFigures | None  # with its teacher; None for those without
    front: float  # probability of being on the Pareto front by p50, or by FLOPs

    @property
    def row(self) -> str:
        """What reports call it: 'kd', or 'kd, generations(count=3)'."""
        return row_name(self.loss, self.teaching, self.budget, self.tuned)

    @property
    def name(self) -> tuple[str, str, str]:
        """The identity of the row: no other row has it."""
        return self.pair, self.role, self.row

    @property
    def pareto(self) -> bool:
        """Whether it is on the Pareto front with a probability of at least one half."""
        return self.front >= 0.5

    @property
    def unstable(self) -> bool:
        """Whether seeds collapsed, so that no mean describes them all."""
        return bool(self.stability.collapsed)

    @property
    def scores(self) -> dict[int, Bits]:
        """Which test samples the seeds that learned predict right."""
        return {seed: self.correct[seed] for seed in self.learned}

    @property
    def test_by_seed(self) -> dict[int, float]:
        """Test top-1 of the seeds that learned."""
        return {seed.seed: seed.top1 for seed in self.seeds if seed.seed in self.learned}

    @property
    def validation_by_seed(self) -> dict[int, float]:
        return {seed.seed: seed.validation_top1 for seed in self.seeds}


@dataclass(frozen=True)
class Gain:
    """A student minus the student alone of its kind (both tuned, or neither), paired by seed and test sample.

    Over the seeds of which neither collapsed; accuracies 0 to 1.
    """

    equal: Equal
    difference: PairedDifference
    holm_p: float | None  # of no difference, adjusted for the pair's gains of this kind
    verdict: Word  # in that family
    reach: float  # the longest training of the student alone, over the cost at which it is asked for; at most 1


@dataclass(frozen=True)
class StudentRow(ModelRow):
    """A student against its teacher and against the same student trained alone."""

    alone: bool  # trained on labels only: what every gain is measured against
    gains: Mapping[Equal, Gain]  # empty for the student alone
    retention: float | None  # student / teacher accuracy, mean over seeds
    retention_interval: Interval | None
    gap: GapClosed | None  # between the student alone and the teacher; None for the student alone
    compression_parameters: float | None
    compression_bytes: float | None
    speedup: RatioEstimate | None  # how many times as long the teacher takes, slice by slice
    cost_rank: int  # by the cost of training it alone; 1 is the cheapest of the pair
    relative_cost: float | None  # that cost over the one of the student alone
    confirmed: Word | None = None  # what is shown at seeds that took no part in the choice, where it was the candidate

    @property
    def headline(self) -> Gain | None:
        """Its gain at equal cost where the student alone was trained at several budgets, else at equal epochs."""
        return self.gains.get("cost") or self.gains.get("epochs")

    @property
    def gain(self) -> PairedDifference | None:
        """The difference of its headline."""
        return self.headline.difference if self.headline else None

    @property
    def holm_p(self) -> float | None:
        return self.headline.holm_p if self.headline else None

    @property
    def verdict(self) -> Word | None:
        """What is shown of its gain: at seeds that took no part in choosing it, where there are any."""
        return self.confirmed or (self.headline.verdict if self.headline else None)

    @property
    def weak_teacher(self) -> bool:
        """Whether the student gets more right than its teacher, which then says little of how well it was taught."""
        return self.retention is not None and self.retention > 1

    @property
    def better_at_equal_epochs_only(self) -> bool:
        epochs = self.gains.get("epochs")
        return epochs is not None and epochs.verdict == "better" and self.verdict != "better"


@dataclass(frozen=True)
class Timed:
    """The timings of the deployed architectures that rows use."""

    reference: ReferenceTiming | None
    deployed: Mapping[str, Deployed]  # by architecture


def model_figures(group: Sequence[Done], timed: Timed) -> dict[str, Any]:
    """The fields of `ModelRow` for the trials of one row."""
    entry, first = group[0]
    records = [record for _, record in group]
    architecture, reference = first.model.architecture, timed.reference
    top1 = [record.test.top1 for record in records]
    correct = {entry.seed: record.test.correct for entry, record in group}
    lost = collapsed(top1, first.chance)
    learned = tuple(dict.fromkeys(e.seed for (e, _), gone in zip(group, lost, strict=True) if not gone)) or tuple(
        correct
    )
    table = np.stack([correct[seed] for seed in learned])
    curve = mean_curve([by_epoch(record.curve) for record in records])
    return {
        "pair": entry.pair,
        "role": entry.role,
        "model": entry.model,
        "loss": entry.loss,
        "teaching": entry.teaching,
        "budget": entry.budget,
        "tuned": entry.tuned,
        "sweep": entry.sweep,
        "settings": entry.settings,
        "architecture": architecture,
        "seeds": tuple(_seed_result(entry, record) for entry, record in group),
        "correct": correct,
        "learned": learned,
        "top1": crossed_estimate(table),
        "prediction": _within(prediction_interval(table)),
        "validation": estimate([record.record.validation_top1 for record in records]),
        "parameters": first.model.parameters,
        "flops": first.model.flops,
        "onnx_bytes": first.model.onnx_bytes,
        "p50_microseconds": reference.p50.get(architecture) if reference else None,
        "scaled_microseconds": reference.scaled(architecture) if reference else None,
        "efficiency": compute_efficiency(records, timed.deployed.get(architecture), reference),
        "training": training_figures(records),
        "curve": curve,
        "line": fit_line(curve.epochs, curve.mean) if curve else None,
        "stability": stability(top1, first.chance),
        "calibration": calibration_figures(records),
        "agreement": agreement_figures(records),
        "front": 0.0,
    }


def _seed_result(entry: Entry, record: TrialResult) -> SeedResult:
    return SeedResult(
        seed=entry.seed,
        key=entry.key,
        top1=record.test.top1,
        validation_top1=record.record.validation_top1,
        selected_epoch=record.record.selected_epoch,
        epochs=record.curve[-1].epoch,
        flips=record.parity.flips,
        parity_samples=record.parity.samples,
    )


def student_row(
    group: Sequence[Done],
    teacher: ModelRow | None,
    turns: Mapping[int, float],
    timed: Timed,
) -> StudentRow:
    figures, reference = model_figures(group, timed), timed.reference
    kept = retention({seed: float(figures["correct"][seed].mean()) for seed in figures["learned"]}, turns)
    return StudentRow(
        **figures,
        alone=False,
        gains={},
        retention=kept.mean if kept else None,
        retention_interval=kept.interval if kept else None,
        gap=None,
        compression_parameters=_ratio(teacher.parameters, figures["parameters"]) if teacher else None,
        compression_bytes=_ratio(teacher.onnx_bytes, figures["onnx_bytes"]) if teacher else None,
        speedup=reference.speedup(teacher.architecture, figures["architecture"]) if reference and teacher else None,
        cost_rank=0,
        relative_cost=None,
    )


def _within(share: Interval | None) -> Interval | None:
    """An interval of a share, cut to what a share can be."""
    return None if share is None else Interval(max(share.low, 0.0), min(share.high, 1.0), share.level)


def by_epoch(curve: Sequence[CurvePoint]) -> Curve:
    """Epochs, and validation top-1 at each."""
    return [point.epoch for point in curve], [point.validation_top1 for point in curve]


def _ratio(above: float, below: float) -> float | None:
    return above / below if below else None
