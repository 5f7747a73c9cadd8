"""Gains pooled over pairs."""

import pytest

from kdbench.analyze import summarize
from tests.records import Shape, make_results

TWO = (("big", "small"), ("wide", "thin"))


def test_gains_of_several_pairs_together() -> None:
    def accuracy(pair, loss, seed):
        return 0.9 + (0.01 * (1 + pair) + 0.001 * seed if loss == "kd" else 0.0)

    summary = summarize(make_results(Shape(seeds=4, pairs=TWO, accuracy=accuracy)))
    (pooled,) = summary.pooled
    # Gains in thousandths: 10, 11, 12, 13 and 20, 21, 22, 23; the middle half is 12, 13, 20, 21.
    assert (pooled.row, pooled.estimate.groups, pooled.estimate.values) == ("kd", 2, 8)
    assert pooled.estimate.mean == pytest.approx(0.0165)
    assert summarize(make_results(Shape(seeds=4))).pooled == ()
