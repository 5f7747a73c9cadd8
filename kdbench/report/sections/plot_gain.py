"""Gain over the student alone, as a forest plot: each seed's difference, the mean, its interval."""

from collections.abc import Sequence
from statistics import quantiles

from kdbench.analyze import StudentRow, Summary
from kdbench.report.writing.drawing import BAND, GRID, INK, MUTED, Drawing, Image, draw
from kdbench.report.writing.formats import points, points_interval
from kdbench.report.writing.series import Look, limit, looks, mark, shorten
from kdbench.statistics.paired import EQUIVALENCE, Estimate, PairedDifference

WIDTH, LEFT, RIGHT, BOTTOM, TOP = 720.0, 150.0, 196.0, 46.0, 20.0
LINE = 25.0
FAR = 3.0  # interquartile ranges beyond the quartiles (Tukey's far out)
ROWS_FOR_A_SCALE = 8  # of fewer, all set the scale

Line = tuple[str, StudentRow | None, PairedDifference | None]


def plot_gain(summary: Summary) -> Image | None:
    """Paired differences in points, a row per loss; None where nothing can be compared."""
    lines = _lines(summary)
    if not lines:
        return None
    title = "Gain of each loss over the student alone in points of test top-1, paired by seed"
    height = TOP + BOTTOM + LINE * len(lines)
    return draw("gain", title, WIDTH, height, lambda drawing: _paint(drawing, summary, lines))


def _lines(summary: Summary) -> list[Line]:
    """Rows from top to bottom; with several pairs, each begins with its name."""
    found: list[Line] = []
    for pair in summary.pairs:
        rows: list[Line] = [(row.loss, row, row.gain) for row in pair.students if row.gain]
        if rows and len(summary.pairs) > 1:
            found.append((pair.pair, None, None))
        found += rows
    return found


def _paint(drawing: Drawing, summary: Summary, lines: list[Line]) -> None:
    axes = drawing.axes(LEFT, RIGHT, BOTTOM, TOP)
    axes.set_ylim(len(lines) - 0.5, -0.5)
    gains = on_scale([gain.estimate for _, _, gain in lines if gain])
    ends = [100 * end for gain in gains if gain.interval for end in (gain.interval.low, gain.interval.high)]
    zone = 100 * EQUIVALENCE
    limit(axes, "x", [*(100 * v for gain in gains for v in gain.values), -zone, zone], ends)
    axes.axvspan(-zone, zone, color=BAND, linewidth=0, zorder=0)
    axes.axvline(0, color=MUTED, linewidth=1, zorder=1)
    style = looks(summary)
    for y, (label, row, gain) in enumerate(lines):
        if row and gain:
            _mark_gain(drawing, y, row, gain, style[row.loss])
        else:
            _write(drawing, y, -LEFT + 8, shorten(label, 46), left=True, weight="bold")
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    axes.set_xlabel("Gain over the student alone (points of test top-1)")
    axes.annotate(
        f"±{zone:g} points: practically equal",
        (0, 1),
        (0, 6),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="center",
        color=MUTED,
        fontsize=9,
    )


def on_scale(gains: Sequence[Estimate]) -> list[Estimate]:
    """Those that set the scale: a loss that collapsed would squeeze all others into a corner."""
    if len(gains) < ROWS_FOR_A_SCALE:
        return list(gains)
    low, _, high = quantiles((gain.mean for gain in gains), n=4)
    reach = FAR * (high - low)
    return [gain for gain in gains if low - reach <= gain.mean <= high + reach] or list(gains)


def _mark_gain(drawing: Drawing, y: int, row: StudentRow, gain: PairedDifference, look: Look) -> None:
    axes = drawing.figure.axes[0]
    found = gain.estimate
    low, high = axes.get_xlim()
    if found.interval:
        axes.plot([100 * found.interval.low, 100 * found.interval.high], [y, y], color=look.color, linewidth=1.6)
    for seed, value in zip(gain.seeds, found.values, strict=True):
        dot = Look(look.color, "o", size=3.2)
        if low <= 100 * value <= high:
            mark(axes, 100 * value, y + 0.27, dot, drawing, f"{row.loss}, seed {seed}: {points(value)} points")
    edge = min(max(100 * found.mean, low), high)
    if edge != 100 * found.mean:  # off the scale: an arrow at the edge
        look = Look(look.color, "<" if edge == low else ">", size=6.5)
    mark(axes, edge, y, look, drawing, f"{row.loss}: mean {points(found.mean)} points")
    _write(drawing, y, -12, shorten(row.loss, 24), left=False, weight="normal")
    _write(drawing, y, WIDTH - LEFT - RIGHT + 12, points(found.mean), left=True, weight="bold")
    _write(
        drawing,
        y,
        WIDTH - LEFT - RIGHT + 54,
        points_interval(found.interval) or "no interval",
        left=True,
        weight="normal",
    )


def _write(drawing: Drawing, y: int, x: float, text: str, *, left: bool, weight: str) -> None:
    """Text beside the axes, `x` points from their left edge."""
    drawing.figure.axes[0].annotate(
        text,
        (0, y),
        (x, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="left" if left else "right",
        va="center_baseline",
        fontsize=9.5,
        fontweight=weight,
        color=INK,
    )
