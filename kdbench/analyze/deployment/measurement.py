"""Figures of ONNX files of the user's: accuracy over test samples, and each file compared with the first."""

from dataclasses import dataclass

import numpy as np

from kdbench.analyze.deployment.architectures import Deployed, throughput_of, timings_of
from kdbench.analyze.deployment.noise import NoiseCheck, check_noise
from kdbench.results.measurement import MeasuredModel, Measurement
from kdbench.results.predictions import Predictions
from kdbench.spec import LatencySpec
from kdbench.statistics.intervals import Interval, share_interval, t_interval
from kdbench.statistics.predictions import expected_calibration_error


@dataclass(frozen=True)
class Accuracy:
    """One file on one test split. Intervals are over its samples and do not cover other trainings."""

    top1: float
    interval: Interval  # Clopper and Pearson 1934
    loss: float
    brier: float
    ece: float | None
    difference: float | None  # top-1 minus the first file's; None for the first
    difference_interval: Interval | None  # paired by sample; None where no sample differs


@dataclass(frozen=True)
class MeasuredRow:
    """One file."""

    model: MeasuredModel
    accuracy: Accuracy | None


@dataclass(frozen=True)
class MeasurementSummary:
    """All files, the first of which the others are compared with."""

    rows: tuple[MeasuredRow, ...]
    deployed: tuple[Deployed, ...]
    noise: tuple[NoiseCheck, ...]
    measurement: Measurement


def describe_measurement(found: Measurement) -> MeasurementSummary:
    """Accuracy and timings of every file."""
    margin = LatencySpec.model_validate(found.latency).margin
    first = found.models[0].test
    return MeasurementSummary(
        rows=tuple(MeasuredRow(m, _accuracy(m.test, first if i else None)) for i, m in enumerate(found.models)),
        deployed=tuple(_deployed(model, found, margin) for model in found.models),
        noise=check_noise(found.latencies, margin),
        measurement=found,
    )


def _deployed(model: MeasuredModel, found: Measurement, margin: float) -> Deployed:
    name = model.name
    return Deployed(
        architecture=name,
        models=(("student", model.name),),
        variant="fp32",
        parameters=model.parameters,
        flops=model.flops or 0,
        onnx_bytes=model.onnx_bytes,
        opset=model.opset,
        operators=model.operators,
        timings=timings_of(name, found.latencies, margin),
        throughputs=tuple(throughput_of(each) for each in found.throughputs if each.architecture == name),
        not_measured=tuple(missing for missing in found.not_measured if missing.architecture == name),
    )


def _accuracy(test: Predictions | None, first: Predictions | None) -> Accuracy | None:
    if test is None:
        return None
    right = int(test.correct.sum())
    steps = zip(*((b.count, b.confidence, b.correct) for b in test.confidence), strict=True)
    gaps = None if first is None else test.correct.astype(np.float64) - first.correct
    return Accuracy(
        top1=test.top1,
        interval=share_interval(right, test.samples),
        loss=test.loss,
        brier=test.brier,
        ece=expected_calibration_error(*steps),
        difference=None if gaps is None else float(gaps.mean()),
        difference_interval=None if gaps is None else t_interval(gaps.tolist()),
    )
