"""Pareto fronts and hypervolumes of a run's models."""

import pytest

from kdbench.analyze import summarize
from kdbench.analyze.models.front import latency_cost
from tests.records import Shape, make_results

TWO = (("big", "small"), ("wide", "thin"))


def test_pareto_front_over_all_pairs():
    level = {(0, "cross_entropy"): 0.90, (0, "kd"): 0.91, (1, "cross_entropy"): 0.89, (1, "kd"): 0.93}
    results = make_results(Shape(pairs=TWO, accuracy=lambda p, loss, s: level.get((p, loss), 0.95)))
    flags = {(row.pair, row.loss): row.pareto for row in summarize(results).students}
    assert flags == {
        ("big -> small", "cross_entropy"): False,
        ("big -> small", "kd"): True,
        ("wide -> thin", "cross_entropy"): False,
        ("wide -> thin", "kd"): True,
    }


def student(summary, loss, pair=0):
    return next(row for row in summary.pairs[pair].students if row.loss == loss)


def test_latency_of_the_front_is_the_paired_ratio() -> None:
    summary = summarize(make_results(Shape()))
    reference = summary.reference
    teacher, kd = summary.pairs[0].teacher, student(summary, "kd")
    small, big = (latency_cost(reference, row.architecture) for row in (kd, teacher))
    assert (small.value, small.interval) == (kd.p50_microseconds, None)
    ratio = kd.speedup
    assert big.value == pytest.approx(small.value * ratio.estimate)
    assert (big.interval.low, big.interval.high) == pytest.approx((small.value * ratio.low, small.value * ratio.high))


def test_front_and_hypervolume_by_hand() -> None:
    level = {"teacher": 0.95, "cross_entropy": 0.90, "kd": 0.92}
    summary = summarize(make_results(Shape(accuracy=lambda p, loss, s: level[loss])))
    fronts = {front.by: front for front in summary.fronts}
    assert list(fronts) == ["latency", "FLOPs", "parameters", "bytes"]
    for front in fronts.values():
        assert list(front.probability.values()) == [1, 0, 1]  # teacher, alone, kd: no seed differs
    # The teacher has 8 times the parameters: log10(8) decades by .92 and .90, each less chance of .1
    volume = fronts["parameters"].hypervolume["big -> small"]
    assert volume.students == pytest.approx(0.82 * 0.90309, abs=1e-5)
    assert volume.alone == pytest.approx(0.80 * 0.90309, abs=1e-5)
    assert [row.pareto for row in summary.models] == [True, False, True]
    assert "latency" not in {front.by for front in summarize(make_results(Shape(latency=False))).fronts}


def test_noise_does_not_put_a_model_on_the_front_for_sure() -> None:
    accuracy = lambda p, loss, s: 0.9 + 0.01 * ((s + (loss == "kd")) % 5)  # noqa: E731
    shape = Shape(seeds=5, accuracy=lambda p, loss, s: 0.99 if loss == "teacher" else accuracy(p, loss, s))
    first, second = summarize(make_results(shape)).students
    assert first.top1.mean == pytest.approx(second.top1.mean)
    assert 0.3 < first.front < 0.7
    assert first.front + second.front == pytest.approx(1, abs=0.05)
