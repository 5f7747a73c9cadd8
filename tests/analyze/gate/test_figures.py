"""Figures that gates hold over seeds: one scale for all, on which less is worse."""

import math

import pytest

from kdbench.analyze.gate.figures import Figure
from kdbench.spec import Gate

TOP1 = Figure(Gate(metric="top1", condition="noise", may_drop=0.02))
ECE = Figure(Gate(metric="ece", may_rise=0.02))
SECONDS = Figure(Gate(metric="training_seconds", may_rise=0.25))


@pytest.mark.parametrize(
    ("figure", "was", "now", "change", "read", "said"),
    [
        (TOP1, 0.90, 0.88, -0.02, -0.02, "\N{MINUS SIGN}2.00 points"),
        (ECE, 0.05, 0.07, -0.02, 0.02, "+2.00 points"),
        (SECONDS, 4.0, 5.0, -math.log(1.25), 1.25, "x1.250"),
    ],
)
def test_worse_is_less_and_is_told_as_it_is_read(figure, was, now, change, read, said):
    worse = figure.score(now) - figure.score(was)
    assert worse == pytest.approx(change)
    assert figure.as_read(worse) == pytest.approx(read)
    assert figure.say_change(worse) == said
    assert -worse == pytest.approx(figure.allowed)


def test_how_far_a_figure_can_become_worse():
    assert [figure.room(0.25) for figure in (TOP1, ECE, SECONDS)] == [0.25, 0.75, math.inf]


def test_sizes_and_places():
    assert [figure.say_size(figure.allowed) for figure in (TOP1, ECE, SECONDS)] == [
        "2.00 points",
        "2.00 points",
        "25.0 %",
    ]
    assert TOP1.of("p / student / kd") == "p / student / kd under noise"
    assert Figure(Gate(metric="top1", variant="int8_static", may_drop=0.02)).of("p") == "p as int8_static"
    assert [figure.clean_top1 for figure in (TOP1, ECE, Figure(Gate(metric="top1", may_drop=0.02)))] == [
        False,
        False,
        True,
    ]
