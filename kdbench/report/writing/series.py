"""How losses differ in every plot: by colour, marker and dash at once, so that colour alone is never needed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles

from matplotlib.axes import Axes

from kdbench.analyze import ModelRow, Summary
from kdbench.report.writing.drawing import DASHES, INK, MARKERS, MUTED, PAPER, SERIES, Drawing
from kdbench.statistics.intervals import Estimate

LEGEND_LINE = 17.0
LABEL_LINE = 14.0
LETTER = 5.6  # points, of a name of usual letters
USUAL, LONGEST = 24, 72  # letters of a name beside a plot: more than the usual ones widen it
FAR = 3.0  # interquartile ranges beyond the quartiles (Tukey's far out)
ROWS_FOR_A_SCALE = 8  # of fewer, all set the scale


@dataclass(frozen=True)
class Look:
    """One way to draw: `dash` as matplotlib takes it, on and off lengths in points."""

    color: str
    marker: str
    dash: tuple[float, ...] = ()
    size: float = 6.5
    hollow: bool = False


TEACHER = Look(INK, "*", (1, 2), size=11)


def looks(summary: Summary) -> dict[str, Look]:
    """A look per row, in the order of the suite; the plain student alone is in ink, hollow at other budgets than 1."""
    # A loss without a result keeps its look, so that the others have the same one in every report of the suite.
    names = (
        name
        for loss in summary.suite.losses
        for name in dict.fromkeys(row.row for row in summary.students if row.loss == loss.label) or [loss.label]
    )
    return looks_of(names, {row.row: row.budget for row in summary.students if row.alone and not row.teaching})


def looks_of(names: Iterable[str], alone: Mapping[str, float]) -> dict[str, Look]:
    """A look per name, in their order; `alone` has the budgets of the student alone by name."""
    found: dict[str, Look] = {}
    for name in names:
        if name in alone:
            found[name] = Look(INK, "s", (2, 2), size=min(5 + alone[name], 11), hollow=alone[name] != 1)
            continue
        i = len(found.keys() - alone.keys())
        marker = MARKERS[i % len(MARKERS)]
        size = 8.0 if marker in "PX" else 6.5  # crosses have less ink
        found[name] = Look(SERIES[i % len(SERIES)], marker, DASHES[i % len(DASHES)], size)
    return found


def mark(axes: Axes, x: float, y: float, look: Look, drawing: Drawing | None = None, tip: str = "") -> None:
    """One marker, with a tooltip where a drawing is given."""
    (artist,) = axes.plot(
        x,
        y,
        look.marker,
        linestyle="none",
        color=look.color,
        markersize=look.size,
        markerfacecolor="none" if look.hollow else look.color,
        markeredgecolor=look.color if look.hollow else PAPER,
        markeredgewidth=1.0 if look.hollow else 0.7,
        clip_on=False,
    )
    if drawing:
        drawing.tip(artist, tip)


def room_for(names: Iterable[str]) -> float:
    """Points that the longest name needs beyond the usual: rows that were cut alike could not be told apart."""
    return LETTER * max(0, min(max(map(len, names), default=0), LONGEST) - USUAL)


def legend(drawing: Drawing, left: float, top: float, entries: Sequence[tuple[str, Look]], most: int = USUAL) -> None:
    """Marker and name, one a line, from this point down (points from the left and from the top)."""
    height = drawing.height - top
    axes = drawing.axes(left=left, right=0, bottom=0, top=top)
    axes.set(xlim=(0, drawing.width - left), ylim=(-height, 0))
    axes.axis("off")
    for index, (label, look) in enumerate(entries):
        y = -LEGEND_LINE * (index + 0.5)
        mark(axes, 8, y, look)
        axes.text(20, y, shorten(label, most), va="center_baseline", fontsize=9.5)


def label_ends(drawing: Drawing, axes: Axes, ends: Iterable[tuple[float, float, str, str]], most: int = 20) -> None:
    """(x, y, name, colour): names right of the axes, each tied to its point, moved apart where points are close.

    Names of over `most` characters are shortened.
    """
    box = axes.get_position()
    width, inner = box.width * drawing.width, box.height * drawing.height
    low, high = axes.get_ylim()
    wanted = sorted((((y - low) / (high - low) * inner, x, y, name, color) for x, y, name, color in ends))
    heights = spread_out([min(max(height, 0), inner) for height, *_ in wanted], LABEL_LINE, inner)
    for height, (_, x, y, name, color) in zip(heights, wanted, strict=True):
        axes.annotate(
            shorten(name, most),
            (x, y),
            (1 + 14 / width, height / inner),
            textcoords="axes fraction",
            va="center",
            fontsize=9.5,
            color=color,
            arrowprops={
                "arrowstyle": "-",
                "color": MUTED,
                "linewidth": 0.6,
                "shrinkA": 1,
                "shrinkB": 2,
                "relpos": (0, 0.5),
            },
            annotation_clip=False,
        )


def spread_out(wanted: Sequence[float], line: float, top: float) -> list[float]:
    """Rising positions at least a line apart, as near to the wanted ones as a pass up and one down bring them."""
    placed: list[float] = []
    for y in wanted:
        placed.append(max(y, placed[-1] + line) if placed else max(y, 0))
    over = top
    for index in reversed(range(len(placed))):
        placed[index] = min(placed[index], over)
        over = placed[index] - line
    return placed


def limit(axes: Axes, which: str, values: Sequence[float], reach: Iterable[float]) -> None:
    """Axis limits from the measured values; intervals widen them at most threefold."""
    low, high = min(values), max(values)
    room = max(high - low, 0.2)
    wide = [min(max(v, low - room), high + room) for v in (*reach, low, high)]
    pad = 0.06 * (max(wide) - min(wide) or room)
    (axes.set_ylim if which == "y" else axes.set_xlim)(min(wide) - pad, max(wide) + pad)


def on_scale(found: Sequence[Estimate]) -> list[Estimate]:
    """Those that set the scale: one loss that collapsed would make all others too small to read."""
    if len(found) < ROWS_FOR_A_SCALE:
        return list(found)
    low, _, high = quantiles((each.mean for each in found), n=4)
    reach = FAR * (high - low)
    return [each for each in found if low - reach <= each.mean <= high + reach] or list(found)


def interval_ends(rows: Iterable[ModelRow]) -> list[float]:
    """Both ends of each interval of top-1, in percent."""
    found = [row.top1.interval for row in rows]
    return [100 * end for interval in found if interval for end in (interval.low, interval.high)]


def shorten(text: str, most: int) -> str:
    """The text, with its middle left out where it is longer than `most` characters."""
    keep = (most - 1) // 2
    return text if len(text) <= most else f"{text[:keep]}\N{HORIZONTAL ELLIPSIS}{text[-keep:]}"
