"""Correct predictions per compute spent, and what training took: means over the seeds of one row."""

from collections.abc import Callable, Sequence

import numpy as np

from kdbench.analyze.deployment.rows import Deployed, ReferenceTiming, Timing
from kdbench.analyze.models.rows import ComputeEfficiency, TrainingFigures
from kdbench.results import TrainingCost, TrialRecord

GPUS = ("cuda", "tensorrt")


def compute_efficiency(
    records: Sequence[TrialRecord], deployed: Deployed | None, reference: ReferenceTiming | None
) -> ComputeEfficiency:
    """The formula 'correct / compute spent' on the test split: per GFLOP, CPU-second, GPU-second and joule.

    CPU-seconds are those of the evaluation; GPU-seconds and joules those of the timed calls of the architecture.
    """
    correct = [int(record.test.correct.sum()) for record in records]
    beyond = [c - record.test.samples / record.classes for c, record in zip(correct, records, strict=True)]
    samples = [record.test.samples for record in records]
    gflops = [record.test.samples * record.model.flops / 1e9 for record in records]
    cpu = [record.test.cpu_seconds for record in records]
    timed = all(seconds > 0 for seconds in cpu)
    gpu, no_gpu = _gpu_seconds(deployed)
    joules, no_joules = _joules(deployed, reference)

    def per(unit: float | None, right: Sequence[float]) -> float | None:
        """`unit` is what one sample takes."""
        return None if unit is None else _mean_ratio(right, [unit * n for n in samples])

    return ComputeEfficiency(
        per_gflop=_mean_ratio(correct, gflops),
        per_gflop_above_chance=_mean_ratio(beyond, gflops),
        per_cpu_second=_mean_ratio(correct, cpu) if timed else None,
        per_cpu_second_above_chance=_mean_ratio(beyond, cpu) if timed else None,
        per_gpu_second=per(gpu, correct),
        per_gpu_second_above_chance=per(gpu, beyond),
        per_joule=per(joules, correct),
        per_joule_above_chance=per(joules, beyond),
        missing=tuple(reason for reason in (no_gpu, no_joules) if reason),
    )


def _gpu_seconds(deployed: Deployed | None) -> tuple[float | None, str | None]:
    """Of one sample, while single calls follow each other at the smallest batch; or why there are none."""
    timings = [t for t in deployed.timings if t.how.provider in GPUS] if deployed else []
    if timings:
        timing = min(timings, key=lambda t: (t.how.batch, t.how.path != "host", t.how.threads))
        return 1 / timing.times.samples_per_second, None
    reasons = [missing.reason for missing in deployed.not_measured if missing.how.provider in GPUS] if deployed else []
    return None, f"no GPU-seconds: {reasons[0] if reasons else 'no GPU provider was asked for'}"


def _joules(deployed: Deployed | None, reference: ReferenceTiming | None) -> tuple[float | None, str | None]:
    """Of one sample at the reference timing; or why there are none."""
    found: list[Timing] = [t for t in deployed.timings if reference and t.how == reference.how] if deployed else []
    if not found:
        return None, "no joules: the model was not timed"
    energy = found[0].energy
    joules = energy.joules_per_unit
    if joules is not None and joules > 0:
        return joules, None
    return None, f"no joules: {energy.reason or 'the counter shows no more than the power at rest'}"


def training_figures(records: Sequence[TrialRecord]) -> TrainingFigures:
    """Training cost of one model, averaged over seeds; the largest memory peak and cohort."""
    costs = [record.training for record in records]
    steps = sum(cost.steps for cost in costs)
    seconds = sum(cost.step_seconds for cost in costs)

    def mean(part: Callable[[TrainingCost], float]) -> float:
        return sum(map(part, costs)) / len(costs)

    def per_step(part: Callable[[TrainingCost], float]) -> float:
        return 1e3 * sum(map(part, costs)) / steps if steps else 0.0

    return TrainingFigures(
        step_milliseconds=per_step(lambda cost: cost.step_seconds),
        samples_per_second=sum(cost.samples for cost in costs) / seconds if seconds > 0 else None,
        step_seconds=seconds / len(costs),
        evaluation_seconds=mean(lambda cost: cost.evaluation_seconds),
        data_seconds=mean(lambda cost: cost.data_seconds),
        teacher=", ".join(sorted({cost.teacher for cost in costs})),
        teacher_milliseconds=per_step(lambda cost: cost.teacher_seconds),
        teacher_milliseconds_alone=per_step(lambda cost: cost.teacher_seconds_alone),
        teacher_shared_by=max(cost.teacher_shared_by for cost in costs),
        alone_seconds=mean(lambda cost: cost.alone_seconds),
        shared_seconds=mean(lambda cost: cost.shared_seconds),
        cohort_cpu_seconds=mean(lambda cost: cost.cpu_seconds),
        cohort=max(cost.cohort for cost in costs),
        peak_memory_bytes=max(cost.peak_memory_bytes for cost in costs),
        joules=mean(_joules_of_training) if all(cost.energy.net_joules is not None for cost in costs) else None,
        no_joules=next((cost.energy.reason for cost in costs if cost.energy.net_joules is None), None),
        device=", ".join(sorted({cost.device for cost in costs})),
        layouts=tuple(sorted({(cost.processes, cost.threads) for cost in costs})),
    )


def _joules_of_training(cost: TrainingCost) -> float:
    return (cost.energy.net_joules or 0.0) / cost.cohort


def ranks(costs: Sequence[float]) -> list[int]:
    """The place of each cost, in the order given: 1 is the lowest, and equal ones share a place."""
    return [1 + sum(other < cost for other in costs) for cost in costs]


def _mean_ratio(above: Sequence[float], below: Sequence[float]) -> float:
    return float(np.mean([a / b if b else 0.0 for a, b in zip(above, below, strict=True)]))
