"""Heat maps."""

import re

import pytest

from kdbench.report.writing import formats as f
from kdbench.report.writing.heat import plot_heat, shades


def test_a_cell_tells_its_row_its_column_and_its_figure() -> None:
    rows = [("first layer", [0.02, -0.01]), ("second layer", [None, 0.0])]
    image = plot_heat("heat", "Gains", ["raw", "pooled"], rows, f.points, over="transform")
    assert image
    assert "<title>first layer, raw: +2.00</title>" in image.inline
    assert f"<title>first layer, pooled: {f.MINUS}1.00</title>" in image.inline
    assert "<title>second layer, pooled: 0.00</title>" in image.inline
    assert image.inline.count("\N{EM DASH}") == 1
    assert "transform" in image.inline


def test_the_larger_a_figure_the_darker_its_ground_and_its_sign_is_its_colour() -> None:
    image = plot_heat("heat", "Gains", ["a", "b", "c"], [("row", [0.04, 0.02, -0.04])], f.points)
    assert image
    grounds = re.findall(r'fill="var\(--(s\d)\)" opacity="([\d.]+)"', image.inline)
    assert [(color, round(float(alpha), 3)) for color, alpha in grounds] == [("s0", 0.62), ("s0", 0.31), ("s1", 0.62)]


def test_without_a_figure_nothing_is_drawn() -> None:
    assert plot_heat("heat", "Gains", ["a"], [("row", [None])], f.points) is None


def test_a_figure_far_from_all_others_has_a_frame_and_leaves_them_their_colours() -> None:
    figures = [0.01, 0.02, -0.01, 0.015, -0.02, 0.01, 0.02, -0.21]
    # The sizes without the last lie between .01 and .02; that one is 10.5 times the largest of them.
    assert shades(figures) == pytest.approx([0.5, 1, 0.5, 0.75, 1, 0.5, 1, 10.5])
    image = plot_heat("heat", "Gains", [str(i) for i in range(8)], [("row", figures)], f.points)
    assert image
    assert image.inline.count('stroke-width="1.2"') == 1  # the frame


def test_a_long_heading_of_a_column_stands_whole() -> None:
    image = plot_heat("heat", "Gains", ["attention transfer", "raw"], [("row", [0.01, 0.02])], f.points)
    assert image
    assert ">attention transfer<" in image.inline
