"""Learning curves of one pair: the mean over seeds with a band from the lowest to the highest seed."""

import math

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from kdbench.analyze import ModelRow, PairSummary, Summary
from kdbench.report.writing.drawing import GRID, Drawing, Image, draw
from kdbench.report.writing.formats import percent
from kdbench.report.writing.series import LABEL_LINE, TEACHER, Look, label_ends, looks
from kdbench.statistics.curves import MeanCurve

WIDTH, LEFT, RIGHT, BOTTOM, TOP = 520.0, 54.0, 128.0, 44.0, 12.0
Line = tuple[str, MeanCurve, Look]


def plot_curves(summary: Summary, pair: PairSummary, index: int) -> Image | None:
    """Validation top-1 by epoch, a line per loss and the teacher's; None where there are no curves."""
    style = looks(summary)
    rows: list[tuple[str, ModelRow, Look]] = [(row.loss, row, style[row.loss]) for row in pair.students]
    if pair.teacher:
        rows.insert(0, ("teacher", pair.teacher, TEACHER))
    lines: list[Line] = [(name, row.curve, look) for name, row, look in rows if row.curve]
    if not lines:
        return None
    height = max(310.0, TOP + BOTTOM + LABEL_LINE * (len(lines) + 1))
    title = f"Learning curves of {pair.pair}: validation top-1 by epoch"
    return draw(f"curves-{index}", title, WIDTH, height, lambda drawing: _paint(drawing, lines))


def _paint(drawing: Drawing, lines: list[Line]) -> None:
    axes = drawing.axes(LEFT, RIGHT, BOTTOM, TOP)
    last = max(curve.epochs[-1] for _, curve, _ in lines)
    axes.set_xlim(0, max(last, 1))
    axes.set_ylim(*_focus(lines, last))
    for name, curve, look in lines:
        _draw_curve(drawing, axes, name, curve, look)
    axes.set(xlabel="Epoch", ylabel="Validation top-1 (%)")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    ends = [(c.epochs[-1], 100 * c.mean[-1], name, look.color) for name, c, look in lines]
    label_ends(drawing, axes, ends)


def _focus(lines: list[Line], last: int) -> tuple[float, float]:
    """Limits in percent that show the later four fifths of the training: the first epochs would flatten the rest."""
    start = math.ceil(last / 5)
    seen = [
        (low, high)
        for _, curve, _ in lines
        for epoch, low, high in zip(curve.epochs, curve.low, curve.high, strict=True)
        if epoch >= start or len(curve.epochs) == 1
    ]
    low, high = 100 * min(low for low, _ in seen), 100 * max(high for _, high in seen)
    room = max(high - low, 0.5)
    return low - 0.08 * room, min(high + 0.08 * room, max(100.0, high))


def _draw_curve(drawing: Drawing, axes: Axes, name: str, curve: MeanCurve, look: Look) -> None:
    low, mean, high = ([100 * v for v in values] for values in (curve.low, curve.mean, curve.high))
    axes.fill_between(curve.epochs, low, high, color=look.color, alpha=0.13, linewidth=0)
    every = max(1, len(curve.epochs) // 8)
    (line,) = axes.plot(curve.epochs, mean, color=look.color, linewidth=1.7, dashes=look.dash or (None, None))
    drawing.tip(line, f"{name}: {percent(curve.mean[-1])} at epoch {curve.epochs[-1]}, mean of {curve.seeds}")
    axes.plot(
        curve.epochs,
        mean,
        look.marker,
        color=look.color,
        markersize=0.65 * look.size,
        linestyle="none",
        markevery=(every - 1, every),
    )
