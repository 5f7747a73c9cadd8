"""Figures of one row by hand."""

import numpy as np
import pytest

from kdbench.analyze import summarize
from kdbench.statistics.crossed import crossed_estimate
from kdbench.statistics.paired import crossed_difference
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
    assert kd.gain == crossed_difference(kd.correct, alone.correct)
    assert kd.holm_p == kd.gain.p_value
    assert kd.top1 == crossed_estimate(np.stack(list(kd.correct.values())))
    assert kd.prediction.low < kd.top1.interval.low < kd.top1.interval.high < kd.prediction.high
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


def test_collapsed_seeds_stand_in_no_mean_and_make_a_row_unstable() -> None:
    def accuracy(pair, loss, seed):
        if (loss, seed) in {("kd", 2), ("dkd", 1), ("dkd", 4)}:
            return 0.1
        return 0.9 + 0.001 * seed + {"kd": 0.02, "nkd": 0.001 * (seed % 2)}.get(loss, 0.0)

    summary = summarize(make_results(Shape(seeds=6, losses=("cross_entropy", "kd", "dkd", "nkd"), accuracy=accuracy)))
    kd = student(summary, "kd")
    assert (kd.learned, kd.unstable, kd.verdict) == ((0, 1, 3, 4, 5), True, "unstable")
    assert kd.top1.values == pytest.approx((0.92, 0.921, 0.923, 0.924, 0.925))
    assert kd.gain.seeds == (0, 1, 3, 4, 5)
    assert kd.retention == pytest.approx(kd.top1.mean / summary.pairs[0].teacher.top1.mean)
    assert set(kd.test_by_seed) == set(kd.learned)
    assert kd.gain.estimate.mean == pytest.approx(0.02)
    assert (student(summary, "nkd").unstable, student(summary, "nkd").verdict) == (False, "equivalent")


def test_the_range_of_one_network_is_cut_to_what_a_share_can_be() -> None:
    accuracy = lambda p, loss, s: (0.80, 0.95, 0.99)[s]  # noqa: E731
    kd = student(summarize(make_results(Shape(accuracy=accuracy))), "kd")
    assert kd.prediction.high == 1.0
    assert 0 < kd.prediction.low < 0.80


def test_where_every_seed_collapsed_the_mean_is_of_all() -> None:
    accuracy = lambda p, loss, s: 0.1 + 0.001 * s if loss == "kd" else 0.9  # noqa: E731
    kd = student(summarize(make_results(Shape(accuracy=accuracy))), "kd")
    assert (kd.learned, kd.unstable) == ((0, 1, 2), True)
    assert kd.top1.mean == pytest.approx(0.101)
