"""Accuracy gain against training cost, a point per loss of one pair: what a dearer loss buys."""

from matplotlib.axes import Axes

from kdbench.analyze import PairSummary, StudentRow, Summary
from kdbench.report.writing.drawing import BAND, GRID, MUTED, Drawing, Image, draw
from kdbench.report.writing.formats import points, points_interval, times
from kdbench.report.writing.series import LABEL_LINE, Look, label_ends, limit, looks, mark
from kdbench.statistics.paired import EQUIVALENCE

WIDTH, LEFT, RIGHT, BOTTOM, TOP = 520.0, 62.0, 128.0, 44.0, 12.0
Point = tuple[StudentRow, float, float, Look]  # relative cost, gain in points


def plot_cost(summary: Summary, pair: PairSummary, index: int) -> Image | None:
    """Gain over the student alone with its interval, by cost alone over that student's; None without any gain."""
    style = looks(summary)
    found: list[Point] = [
        (row, row.relative_cost, 100 * row.gain.estimate.mean if row.gain else 0.0, style[row.loss])
        for row in pair.students
        if row.relative_cost is not None and (row.gain or row.alone)
    ]
    if not any(row.gain for row, *_ in found):
        return None
    height = max(280.0, TOP + BOTTOM + LABEL_LINE * (len(found) + 1))
    title = f"Accuracy gain of {pair.pair} against training cost, both over the student alone"
    return draw(f"cost-{index}", title, WIDTH, height, lambda drawing: _paint(drawing, found))


def _paint(drawing: Drawing, found: list[Point]) -> None:
    axes = drawing.axes(LEFT, RIGHT, BOTTOM, TOP)
    zone = 100 * EQUIVALENCE
    gains = [row.gain.estimate for row, *_ in found if row.gain]
    ends = [100 * end for gain in gains if gain.interval for end in (gain.interval.low, gain.interval.high)]
    limit(axes, "y", [*(y for _, _, y, _ in found), -zone, zone], ends)
    limit(axes, "x", [x for _, x, _, _ in found], [])
    axes.axhspan(-zone, zone, color=BAND, linewidth=0, zorder=0)
    axes.axhline(0, color=MUTED, linewidth=1, zorder=1)
    axes.axvline(1, color=MUTED, linewidth=1, zorder=1)
    for point in found:
        _mark_loss(drawing, axes, point)
    axes.set(xlabel="Cost of training it alone, over that of the student alone", ylabel="Gain (points of test top-1)")
    axes.xaxis.set_major_formatter("{x:g}×")
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    label_ends(drawing, axes, [(x, y, row.loss, look.color) for row, x, y, look in found])


def _mark_loss(drawing: Drawing, axes: Axes, point: Point) -> None:
    row, x, y, look = point
    interval = row.gain.estimate.interval if row.gain else None
    if interval:
        axes.plot([x, x], [100 * interval.low, 100 * interval.high], color=look.color, linewidth=1.4)
    gained = f"gain {points(row.gain.estimate.mean)} points" if row.gain else "the student alone"
    within = f" ({points_interval(interval)})" if interval else ""
    mark(axes, x, y, look, drawing, f"{row.loss}: {gained}{within} at {times(x)} the cost")
