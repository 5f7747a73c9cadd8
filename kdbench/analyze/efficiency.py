"""Correct predictions per compute spent, and what training took: means over the seeds of one row."""

from collections.abc import Sequence

import numpy as np

from kdbench.analyze.rows import ComputeEfficiency, TrainingFigures
from kdbench.results import TrialRecord


def compute_efficiency(records: Sequence[TrialRecord]) -> ComputeEfficiency:
    """The formula 'correct / compute spent' on the test split, per GFLOP and per CPU-second of that evaluation."""
    correct = [int(record.test.correct.sum()) for record in records]
    beyond = [c - record.test.samples / record.classes for c, record in zip(correct, records, strict=True)]
    gflops = [record.test.samples * record.model.flops / 1e9 for record in records]
    cpu = [record.test.cpu_seconds for record in records]
    timed = all(seconds > 0 for seconds in cpu)
    return ComputeEfficiency(
        per_gflop=_mean_ratio(correct, gflops),
        per_gflop_above_chance=_mean_ratio(beyond, gflops),
        per_cpu_second=_mean_ratio(correct, cpu) if timed else None,
        per_cpu_second_above_chance=_mean_ratio(beyond, cpu) if timed else None,
    )


def training_figures(records: Sequence[TrialRecord]) -> TrainingFigures:
    """Training cost of one model, averaged over seeds; the largest memory peak and cohort."""
    costs = [record.training for record in records]
    steps = sum(cost.steps for cost in costs)
    seconds = sum(cost.step_seconds for cost in costs)
    return TrainingFigures(
        step_milliseconds=1e3 * seconds / steps if steps else 0.0,
        samples_per_second=sum(cost.samples for cost in costs) / seconds if seconds > 0 else None,
        step_seconds=seconds / len(costs),
        teacher_seconds=sum(cost.teacher_seconds for cost in costs) / len(costs),
        cohort_cpu_seconds=sum(cost.cpu_seconds for cost in costs) / len(costs),
        cohort=max(cost.cohort for cost in costs),
        peak_memory_bytes=max(cost.peak_memory_bytes for cost in costs),
        device=", ".join(sorted({cost.device for cost in costs})),
        threads=max(cost.threads for cost in costs),
    )


def _mean_ratio(above: Sequence[float], below: Sequence[float]) -> float:
    return float(np.mean([a / b if b else 0.0 for a, b in zip(above, below, strict=True)]))
