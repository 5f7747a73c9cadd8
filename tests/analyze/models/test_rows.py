"""Figures of one row by hand."""

import pytest

from kdbench.analyze import summarize
from tests.records import Shape, make_results


def table(pair, loss, seed):
    return {"teacher": 0.95, "cross_entropy": 0.90, "kd": 0.92}[loss] + 0.001 * seed * (1 + (loss == "kd"))


def test_figures_of_a_row_by_hand():
    summary = summarize(make_results(Shape(accuracy=table)))
    alone, kd = summary.students
    assert alone.alone
    assert alone.gain is None
    assert kd.top1.values == (0.92, 0.922, 0.924)
    assert kd.gain.estimate.values == (pytest.approx(0.02), pytest.approx(0.021), pytest.approx(0.022))
    assert kd.verdict == "undecided"  # three seeds make no claim
    assert kd.gain.least_detectable == pytest.approx(3.27 * 0.001, rel=0.01)
    assert kd.holm_p == kd.gain.p_value
    assert kd.retention == pytest.approx((0.92 + 0.922 + 0.924) / 3 / 0.95)
    assert (kd.compression_parameters, kd.compression_bytes) == (8.0, 8.0)
    assert kd.speedup.estimate == pytest.approx(8, rel=0.02)
    assert kd.speedup.low < kd.speedup.estimate < kd.speedup.high


def test_one_seed_gives_figures_without_intervals():
    kd = summarize(make_results(Shape(seeds=1))).students[1]
    assert kd.top1.interval is None
    assert kd.gain.estimate.interval is None
    assert (kd.verdict, kd.gain.least_detectable, kd.holm_p) == ("undecided", None, None)


def test_validation_is_that_of_the_selected_epoch_and_apart_from_test():
    shape = Shape(accuracy=table, validation=lambda pair, loss, seed: 0.8 + 0.001 * seed * (loss == "kd"))
    kd = summarize(make_results(shape)).students[1]
    assert [seed.validation_top1 for seed in kd.seeds] == [pytest.approx(value) for value in (0.8, 0.801, 0.802)]
    assert kd.gain.estimate.values[0] == pytest.approx(0.02)


def student(summary, loss, pair=0):
    return next(row for row in summary.pairs[pair].students if row.loss == loss)


def test_stability_knows_chance() -> None:
    accuracy = lambda p, loss, s: 0.1 if (loss, s) == ("kd", 2) else 0.9  # noqa: E731
    summary = summarize(make_results(Shape(accuracy=accuracy)))
    kd = student(summary, "kd").stability
    assert (kd.worst, kd.range, kd.collapsed) == (0.1, pytest.approx(0.8), 1)
    assert student(summary, "cross_entropy").stability.collapsed == 0
