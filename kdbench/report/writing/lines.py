"""Accuracies by the value of something, such as a setting or a number of samples: lines with bands."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator
from pydantic import JsonValue

from kdbench.analyze.comparisons.sweeps import logarithmic, number, numeric
from kdbench.report.writing import formats as f
from kdbench.report.writing.drawing import GRID, INK, MARKERS, SERIES, Drawing, Image, draw
from kdbench.report.writing.looks import Look
from kdbench.report.writing.series import (
    USUAL,
    band,
    interval_ends,
    interval_of,
    label_ends,
    limit,
    mark,
    on_scale,
    size_beside,
    trace,
)
from kdbench.spec.errors import as_toml
from kdbench.statistics.intervals import Estimate

WIDTH, HEIGHT, LEFT, RIGHT, BOTTOM, TOP = 560.0, 300.0, 54.0, 150.0, 44.0, 12.0
LABEL_ROOM = 0.07  # of the axis, between two labels
ALONE = Look(INK, "s", (2, 2))
HELP = (
    "Each line joins the means over seeds; the shaded band around it is the 95 % interval for other seeds and other "
    "test samples. Where two bands overlap widely, the plot alone does not tell the two lines apart. An arrow at the "
    "edge is a mean that lies outside the plot."
)


@dataclass(frozen=True)
class Line:
    """Accuracies, 0 to 1, by values: those of one loss, say."""

    name: str
    look: Look
    points: tuple[tuple[JsonValue, Estimate], ...]


def look_of(number: int) -> Look:
    """Of the line number so many, beside `ALONE`."""
    return Look(SERIES[number % len(SERIES)], MARKERS[number % len(MARKERS)])


def plot_lines(name: str, title: str, lines: Sequence[Line], across: str, help: str = "") -> Image | None:
    """Test top-1 as lines, 95 % intervals as bands; None without two values.

    Values stand to scale where they are numbers. `across` is the label of their axis, and `help` says what else than
    lines there is to read.
    """
    lines = [replace(line, look=replace(line.look, series=line.look.series or line.name)) for line in lines]
    values = list(dict.fromkeys(value for line in lines for value, _ in line.points))
    if len(values) < 2:
        return None
    if numeric(values):
        values.sort(key=number)
    front = [line.name for line in lines if not line.look.quiet]
    width, height = size_beside(front, WIDTH, HEIGHT, TOP + BOTTOM, USUAL)
    told = f"{help} {HELP}".strip()
    return draw(name, title, width, height, lambda drawing: _paint(drawing, lines, values, across), told)


def _paint(drawing: Drawing, lines: Sequence[Line], values: list[JsonValue], across: str) -> None:
    axes = drawing.axes(LEFT, RIGHT + drawing.width - WIDTH, BOTTOM, TOP)
    at = dict(zip(values, place_values(axes, values), strict=True))
    shown = on_scale([estimate for line in lines for _, estimate in line.points])
    limit(axes, "y", [100 * each.mean for each in shown], interval_ends(shown))
    ends = []
    for line in lines:
        points = sorted((at[value], value, estimate) for value, estimate in line.points)
        _paint_line(drawing, axes, line, points)
        ends.append((points[-1][0], 100 * points[-1][2].mean, line.name, line.look))
    axes.set(xlabel=across, ylabel="Test top-1 (%)")
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    label_ends(drawing, axes, ends)


def _paint_line(drawing: Drawing, axes: Axes, line: Line, points: Sequence[tuple[float, JsonValue, Estimate]]) -> None:
    at, means = [x for x, _, _ in points], [100 * estimate.mean for _, _, estimate in points]
    bands = [interval_of(estimate) or [100 * estimate.mean] * 2 for _, _, estimate in points]
    low, high = zip(*bands, strict=True)
    band(drawing, axes, at, low, high, line.look)
    trace(drawing, axes, at, means, line.look, line.name)
    if line.look.quiet:
        return
    for x, value, estimate in points:
        interval = f.percent_interval(estimate.interval)
        tip = f"{line.name}, {as_toml(value)}: {f.percent(estimate.mean)}" + (f" ({interval})" if interval else "")
        mark(drawing, axes, x, 100 * estimate.mean, line.look, tip)


def place_values(axes: Axes, values: Sequence[JsonValue]) -> list[float]:
    """Where each value stands; a logarithmic axis where the values are spaced so, and equal steps for words."""
    at = [number(value) for value in values] if numeric(values) else [float(place) for place in range(len(values))]
    if numeric(values) and logarithmic(at):
        axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(at))
    axes.xaxis.set_minor_locator(NullLocator())
    shown = _apart([log(x) for x in at] if axes.get_xscale() == "log" else at)
    axes.set_xticklabels([as_toml(value) if place in shown else "" for place, value in enumerate(values)])
    return at


def _apart(at: Sequence[float]) -> set[int]:
    """The places of rising positions whose labels have room, from the left: the others would be written over them."""
    shown: list[int] = []
    for place, x in enumerate(at):
        if not shown or x - at[shown[-1]] >= LABEL_ROOM * (at[-1] - at[0]):
            shown.append(place)
    return {*shown}
