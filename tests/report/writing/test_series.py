"""Labels that would overlap, and figures that would make all others too small."""

import pytest

from kdbench.report.writing.series import on_scale, room_for, spread_out
from kdbench.statistics.intervals import estimate


def test_labels_are_spread_by_hand():
    # Upwards at least 10 apart: 0, 10, 20, 60; nothing reaches over the top
    assert spread_out([-5, 1, 2, 60], 10, 100) == [0, 10, 20, 60]
    # 95, 105, 115 are pushed down from the top: 80, 90, 100
    assert spread_out([95, 96, 97], 10, 100) == [80, 90, 100]


def test_a_loss_that_collapsed_does_not_set_the_scale() -> None:
    steady = [estimate([0.01 * i, 0.01 * i + 0.002]) for i in range(1, 9)]
    collapsed = estimate([-0.6, -0.7])
    assert on_scale([*steady, collapsed]) == steady
    assert on_scale([*steady[:3], collapsed]) == [*steady[:3], collapsed]  # too few to say what is far


def test_names_longer_than_usual_widen_a_plot_until_they_are_cut() -> None:
    assert room_for([]) == room_for(["kd", "k" * 24]) == 0
    assert room_for(["kd", "k" * 34]) == pytest.approx(56)  # 10 letters of 5.6 points
    assert room_for(["k" * 100]) == room_for(["k" * 72])
