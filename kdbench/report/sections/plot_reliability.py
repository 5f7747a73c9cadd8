"""Accuracy against confidence: a line per loss of one pair, the diagonal where both are equal."""

from collections.abc import Sequence

from kdbench.analyze import PairSummary, Summary
from kdbench.analyze.models.predictions import ReliabilityBin
from kdbench.report.writing.drawing import GRID, MUTED, Drawing, Image, draw
from kdbench.report.writing.formats import percent
from kdbench.report.writing.series import LABEL_LINE, TEACHER, Look, label_ends, looks, mark

WIDTH, LEFT, RIGHT, BOTTOM, TOP = 520.0, 54.0, 128.0, 44.0, 12.0
FEWEST = 20  # samples in a bin: of fewer, accuracy is mostly chance
Line = tuple[str, Sequence[ReliabilityBin], Look]


def plot_reliability(summary: Summary, pair: PairSummary, index: int) -> Image | None:
    """Accuracy by bin of confidence, a line per model; None without bins that have samples enough."""
    style = looks(summary)
    lines: list[Line] = []
    for row in pair.models:
        bins = [each for each in row.calibration.bins if each.samples >= FEWEST]
        named, look = ("teacher", TEACHER) if row.role == "teacher" else (row.loss, style[row.loss])
        if bins:
            lines.append((named, bins, look))
    if not lines:
        return None
    height = max(310.0, TOP + BOTTOM + LABEL_LINE * (len(lines) + 1))
    title = f"Reliability of {pair.pair}: accuracy on test by confidence"
    return draw(f"reliability-{index}", title, WIDTH, height, lambda drawing: _paint(drawing, lines))


def _paint(drawing: Drawing, lines: Sequence[Line]) -> None:
    axes = drawing.axes(LEFT, RIGHT, BOTTOM, TOP)
    low = min(min(each.confidence, each.accuracy) for _, bins, _ in lines for each in bins)
    start = max(0.0, 100 * low - 4)
    axes.set(xlim=(start, 101), ylim=(start, 102))
    axes.plot([start, 100], [start, 100], color=MUTED, linewidth=1, zorder=0)
    for name, bins, look in lines:
        xs, ys = [100 * each.confidence for each in bins], [100 * each.accuracy for each in bins]
        axes.plot(xs, ys, color=look.color, linewidth=1.3, dashes=look.dash or (None, None))
        small = Look(look.color, look.marker, size=0.7 * look.size)
        for x, y, each in zip(xs, ys, bins, strict=True):
            told = f"{percent(each.accuracy)} right at {percent(each.confidence)} confidence"
            mark(axes, x, y, small, drawing, f"{name}: {told}, {each.samples:,} samples")
    axes.set(xlabel="Confidence (%)", ylabel="Accuracy (% of the bin)")
    axes.grid(axis="both", color=GRID, linewidth=0.8)
    label_ends(
        drawing,
        axes,
        [(100 * bins[-1].confidence, 100 * bins[-1].accuracy, name, look.color) for name, bins, look in lines],
    )
