"""Labels that would overlap, and figures that would make all others too small."""

from dataclasses import replace

import pytest

from kdbench.report.writing.drawing import SERIES, draw
from kdbench.report.writing.looks import Look
from kdbench.report.writing.series import dots, limit, mark, middle, on_scale, room_for, size_beside, spread_out
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


def test_names_beside_a_plot_make_it_wider_and_higher() -> None:
    assert size_beside(["kd"], 500, 300, 56) == (500, 300)
    # Two letters more than 20, of 5.6 points; 21 lines of 14 points, one of them empty, and 56 points of margins.
    assert size_beside(["k" * 22] * 20, 500, 300, 56) == pytest.approx((511.2, 350))


def test_the_middle_ends_three_interquartile_ranges_beyond_the_quartiles() -> None:
    # Of 1 to 7 and another: quartiles 2.25 and 6.75 with 9, so 20.25 is the last value that is not far.
    assert middle([1, 2, 3, 4, 5, 6, 7, 9]) == [1, 2, 3, 4, 5, 6, 7, 9]
    assert middle([1, 2, 3, 4, 5, 6, 7, 90]) == [1, 2, 3, 4, 5, 6, 7]
    assert middle([1, 2, 90]) == [1, 2, 90]  # too few to say what is far


def test_a_single_wide_interval_does_not_widen_the_axes() -> None:
    limits = []

    def paint(drawing):
        axes = drawing.axes(10, 10, 10, 10)
        limit(axes, "y", [10, 20], [9, 11, 12, 13, 17, 18, 19, 21, -400])
        limits.extend(axes.get_ylim())

    draw("x", "t", 100, 100, paint)
    assert limits == pytest.approx([9 - 0.06 * 12, 21 + 0.06 * 12])


KD = Look(SERIES[0], "o", series="kd")


def drawn(paint):
    """What is drawn on axes from 0 to 10 that fill a picture of 100 by 100 points."""

    def on_axes(drawing):
        axes = drawing.axes(0, 0, 0, 0)
        axes.set(xlim=(0, 10), ylim=(0, 10))
        paint(drawing, axes)

    return draw("x", "t", 100, 100, on_axes).inline


def test_a_mean_outside_is_an_arrow_at_the_edge() -> None:
    svg = drawn(lambda drawing, axes: mark(drawing, axes, 5, 70, KD, "kd: far above"))
    assert 'x="50" y="0"' in svg
    arrow = drawn(lambda drawing, axes: mark(drawing, axes, 5, 10, replace(KD, marker="^", size=6.5), "kd: far above"))
    assert svg == arrow


def test_seeds_outside_are_left_out_and_those_in_the_background_say_nothing() -> None:
    seeds = [(1, 1, "seed 0"), (2, 2, "seed 1"), (3, 11, "seed 2")]
    svg = drawn(lambda drawing, axes: dots(drawing, axes, seeds, KD))
    assert [f"<title>seed {seed}</title>" in svg for seed in range(3)] == [True, True, False]
    quiet = drawn(lambda drawing, axes: dots(drawing, axes, seeds, replace(KD, quiet=True)))
    assert "seed" not in quiet
    assert 'class="series quiet" data-series="kd"' in quiet
