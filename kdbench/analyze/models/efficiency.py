"""Correct predictions per compute spent: means over the seeds of one row."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kdbench.analyze.deployment.architectures import Deployed, ReferenceTiming, Timing
from kdbench.results import TrialResult
from kdbench.spec.types import ON_NVIDIA
from kdbench.statistics.intervals import Estimate, Interval


@dataclass(frozen=True)
class ComputeEfficiency:
    """Correct test predictions per compute spent, averaged over seeds; `above_chance` subtracts those of guessing."""

    per_gflop: float
    per_gflop_above_chance: float
    per_cpu_second: float | None
    per_cpu_second_above_chance: float | None
    per_cpu_second_interval: Interval | None  # by the CPU-seconds alone
    per_gpu_second: float | None  # while a GPU serves one call after the other
    per_gpu_second_above_chance: float | None
    per_joule: float | None  # net of the power at rest, at the reference timing
    per_joule_above_chance: float | None
    missing: tuple[str, ...]  # why a figure is missing


def compute_efficiency(
    records: Sequence[TrialResult], deployed: Deployed | None, reference: ReferenceTiming | None
) -> ComputeEfficiency:
    """Correct predictions on the test split per GFLOP, CPU-second, GPU-second and joule.

    CPU-seconds are the mean over the evaluations of all files of the architecture: its losses compute the same, so that
    they differ in what is correct and not in the noise of an evaluation. GPU-seconds and joules are those of its timed
    calls.
    """
    correct = [int(record.test.correct.sum()) for record in records]
    beyond = [c - record.test.samples * record.chance for c, record in zip(correct, records, strict=True)]
    samples = [record.test.samples for record in records]
    gflops = [record.test.samples * record.model.flops / 1e9 for record in records]
    cpu = deployed.cpu_seconds if deployed else None
    gpu, no_gpu = _gpu_seconds(deployed)
    joules, no_joules = _joules(deployed, reference)

    def per(unit: float | None, right: Sequence[float]) -> float | None:
        """`unit` is what one sample takes."""
        return None if unit is None else _mean_ratio(right, [unit * n for n in samples])

    return ComputeEfficiency(
        per_gflop=_mean_ratio(correct, gflops),
        per_gflop_above_chance=_mean_ratio(beyond, gflops),
        per_cpu_second=(per_cpu := per(cpu.mean if cpu else None, correct)),
        per_cpu_second_above_chance=per(cpu.mean if cpu else None, beyond),
        per_cpu_second_interval=_inverse_interval(per_cpu, cpu),
        per_gpu_second=per(gpu, correct),
        per_gpu_second_above_chance=per(gpu, beyond),
        per_joule=per(joules, correct),
        per_joule_above_chance=per(joules, beyond),
        missing=tuple(reason for reason in (no_gpu, no_joules) if reason),
    )


def _gpu_seconds(deployed: Deployed | None) -> tuple[float | None, str | None]:
    """Of one sample, in calls one after the other at the smallest batch; or why there are none."""
    timings = [t for t in deployed.timings if t.how.provider in ON_NVIDIA] if deployed else []
    if timings:
        timing = min(timings, key=lambda t: (t.how.batch, t.how.path != "host", t.how.threads))
        return 1 / timing.times.samples_per_second, None
    missing = deployed.not_measured if deployed else ()
    reasons = [each.reason for each in missing if each.how.provider in ON_NVIDIA]
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


def _inverse_interval(per_unit: float | None, units: Estimate | None) -> Interval | None:
    """Of a figure that is divided by units; None where their interval reaches 0."""
    if per_unit is None or units is None or units.interval is None or units.interval.low <= 0:
        return None
    return Interval(per_unit * units.mean / units.interval.high, per_unit * units.mean / units.interval.low)


def _mean_ratio(above: Sequence[float], below: Sequence[float]) -> float:
    return float(np.mean([a / b if b else 0.0 for a, b in zip(above, below, strict=True)]))
