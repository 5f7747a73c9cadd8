"""Correct predictions per compute, by hand."""

import math
from dataclasses import replace

import pytest

from kdbench.analyze import summarize
from kdbench.results.timings import Energy
from kdbench.spec import How
from tests.records import Shape, edited, latency_record, make_results


def test_correct_per_compute_by_hand():
    row = summarize(make_results(Shape(accuracy=lambda *_: 0.9))).students[0]
    # 10,000 samples of 900,000 FLOPs are 9 GFLOP; 9,000 are right, 1,000 would be by chance; 0.5 CPU-seconds
    assert row.efficiency.per_gflop == pytest.approx(1000)
    assert row.efficiency.per_gflop_above_chance == pytest.approx(8000 / 9)
    assert row.efficiency.per_cpu_second == pytest.approx(18_000)
    assert row.efficiency.per_cpu_second_above_chance == pytest.approx(16_000)


def test_losses_of_an_architecture_share_the_time_of_a_sample():
    results = make_results(Shape(accuracy=lambda *_: 0.9))
    students = [e.key for e in results.run.entries if e.role == "student"]
    seconds = dict(zip(students, (0.3, 0.4, 0.5, 0.5, 0.6, 0.7), strict=True))

    def slower(evaluation):
        return evaluation.model_copy(update={"cpu_seconds": seconds.get(evaluation.trial, 0.5)})

    rows = summarize(edited(results, evaluations=slower)).students
    # 9,000 right in half a CPU-second on average; Student's t of 5 degrees of freedom is 2.5706 at .975
    half = 2.5706 * math.sqrt(0.02 / 6)
    assert [row.efficiency.per_cpu_second for row in rows] == [pytest.approx(18_000)] * 2
    within = rows[0].efficiency.per_cpu_second_interval
    assert (within.low, within.high) == pytest.approx((9000 / (0.5 + half), 9000 / (0.5 - half)), rel=1e-4)


def student(summary, loss, pair=0):
    return next(row for row in summary.pairs[pair].students if row.loss == loss)


def test_correct_per_joule_needs_a_counter() -> None:
    shape = Shape(accuracy=lambda *_: 0.9, joules=0.002)
    use = student(summarize(make_results(shape)), "kd").efficiency
    assert use.per_joule == pytest.approx(0.9 / 0.002)
    assert use.per_joule_above_chance == pytest.approx(0.8 / 0.002)
    without = student(summarize(make_results(replace(shape, joules=None))), "kd").efficiency
    assert without.per_joule is None
    assert "no joules: no RAPL counter" in without.missing
    assert "no GPU-seconds: no GPU provider was asked for" in without.missing


def test_correct_per_gpu_second_is_that_of_single_calls_on_the_gpu() -> None:
    results = make_results(Shape(accuracy=lambda *_: 0.9))
    record = results.trials[next(e.key for e in results.run.entries if e.loss == "kd")]
    timing = latency_record(
        architecture=record.model.architecture,
        reference="another",
        how=How(provider="cuda", threads=1, batch=1),
        call_microseconds=(100.0,) * 1000,
        energy=Energy(reason="none"),
    )
    summary = summarize(replace(results, latencies=(*results.latencies, timing)))
    # 10,000 samples a second, of which 9,000 are right and 1,000 would be by chance
    assert student(summary, "kd").efficiency.per_gpu_second == pytest.approx(9000)
    assert student(summary, "kd").efficiency.per_gpu_second_above_chance == pytest.approx(8000)
    refused = summarize(make_results(Shape(not_measured=(("cuda", "no such provider"),))))
    assert "no GPU-seconds: no such provider" in student(refused, "kd").efficiency.missing
