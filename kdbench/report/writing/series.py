"""What plots draw of a series: marks, lines, bands, legends, labels, and the scale of axes.

Axes fit the middle of the data. A mean outside them is drawn as an arrow at the edge.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import quantiles

from matplotlib.axes import Axes

from kdbench.report.writing.drawing import MUTED, PAPER, Drawing
from kdbench.report.writing.looks import Look
from kdbench.report.writing.svg import Mark
from kdbench.statistics.intervals import Estimate

LEGEND_LINE = 17.0
LABEL_LINE = 14.0
LETTER = 5.6  # points, of a name of usual letters
USUAL, LONGEST = 24, 72  # letters of a name beside a plot: more than the usual ones widen it
BESIDE = 20  # letters of a name beside a small plot
FAR = 3.0  # interquartile ranges beyond the quartiles (Tukey's far out)
ROWS_FOR_A_SCALE = 8  # of fewer, all set the scale
BEHIND, BEFORE = 1.6, 2.5  # matplotlib's zorder


def mark(drawing: Drawing, axes: Axes, x: float, y: float, look: Look, tip: str = "") -> None:
    """One marker with its tooltip; outside the axes, an arrow at their edge."""
    at, look = _within(axes, x, y, look)
    (artist,) = axes.plot(
        *at,
        look.marker,
        linestyle="none",
        color=look.color,
        markersize=look.size,
        markerfacecolor="none" if look.hollow else look.color,
        markeredgecolor=look.color if look.hollow else PAPER,
        markeredgewidth=1.0 if look.hollow else 0.7,
        clip_on=False,
        zorder=BEHIND if look.quiet else BEFORE,
    )
    drawing.tag(artist, Mark(tip, look.series, look.quiet))


def _within(axes: Axes, x: float, y: float, look: Look) -> tuple[tuple[float, float], Look]:
    """The point, or the nearest one of the axes and an arrow that points away from them."""
    (left, right), (low, high) = sorted(axes.get_xlim()), sorted(axes.get_ylim())
    at = min(max(x, left), right), min(max(y, low), high)
    if at == (x, y):
        return at, look
    up, down = "v^" if axes.yaxis_inverted() else "^v"
    arrow = up if y > high else down if y < low else ">" if x > right else "<"
    return at, replace(look, marker=arrow, size=6.5)


def dots(drawing: Drawing, axes: Axes, points: Sequence[tuple[float, float, str]], look: Look) -> None:
    """Seeds as small dots, each with its tooltip; without these in the background. Those outside are left out."""
    (left, right), (low, high) = sorted(axes.get_xlim()), sorted(axes.get_ylim())
    inside = [(x, y, tip) for x, y, tip in points if left <= x <= right and low <= y <= high]
    small = replace(look, marker="o", size=3.0, hollow=False)
    if not look.quiet:
        for x, y, tip in inside:
            mark(drawing, axes, x, y, small, tip)
    elif inside:
        xs, ys, _ = zip(*inside, strict=True)
        (artist,) = axes.plot(xs, ys, "o", color=look.color, markersize=3.0, markeredgewidth=0, zorder=BEHIND)
        drawing.tag(artist, Mark("", look.series, quiet=True))


def trace(
    drawing: Drawing,
    axes: Axes,
    xs: Sequence[float],
    ys: Sequence[float],
    look: Look,
    tip: str = "",
    width: float = 1.6,
) -> None:
    """A line in the dash of its look, thinner in the background."""
    (artist,) = axes.plot(
        xs,
        ys,
        color=look.color,
        linewidth=0.7 * width if look.quiet else width,
        dashes=look.dash or (None, None),
        zorder=BEHIND if look.quiet else BEFORE,
    )
    drawing.tag(artist, Mark(tip, look.series, look.quiet))


def bar(drawing: Drawing, axes: Axes, xs: Sequence[float], ys: Sequence[float], look: Look) -> None:
    """An interval: a plain line."""
    trace(drawing, axes, xs, ys, replace(look, dash=()), width=1.3)


def band(
    drawing: Drawing, axes: Axes, xs: Sequence[float], low: Sequence[float], high: Sequence[float], look: Look
) -> None:
    """An interval along a line; none in the background, where bands would cover each other."""
    if not look.quiet:
        artist = axes.fill_between(xs, low, high, color=look.color, alpha=0.13, linewidth=0)
        drawing.tag(artist, Mark("", look.series))


def room_for(names: Iterable[str], usual: int = USUAL) -> float:
    """Points that the longest name needs beyond the usual: rows that were cut alike could not be told apart."""
    return LETTER * max(0, min(max(map(len, names), default=0), LONGEST) - usual)


def size_beside(
    names: Sequence[str], width: float, height: float, margins: float, usual: int = BESIDE
) -> tuple[float, float]:
    """Width and height, at least these, of a plot with names beside it and these margins above and below."""
    return width + room_for(names, usual), max(height, margins + LABEL_LINE * (len(names) + 1))


def legend(drawing: Drawing, left: float, top: float, entries: Sequence[tuple[str, Look]]) -> None:
    """Marker and name, one a line, from this point down (points from the left and from the top)."""
    height = drawing.height - top
    axes = drawing.axes(left=left, right=0, bottom=0, top=top)
    axes.set(xlim=(0, drawing.width - left), ylim=(-height, 0))
    axes.axis("off")
    for index, (label, look) in enumerate(entries):
        y = -LEGEND_LINE * (index + 0.5)
        mark(drawing, axes, 8, y, look)
        text = axes.text(20, y, shorten(label), va="center_baseline", fontsize=9.5)
        drawing.tag(text, Mark("", look.series))


def label_ends(drawing: Drawing, axes: Axes, ends: Iterable[tuple[float, float, str, Look]]) -> None:
    """(x, y, name, look): names right of the axes, each tied to its point, moved apart where points are close.

    Lines in the background have no name beside them.
    """
    box = axes.get_position()
    width, inner = box.width * drawing.width, box.height * drawing.height
    place = axes.transData - axes.transAxes
    wanted = []
    for x, y, name, look in ends:
        if not look.quiet:
            (x, y), _ = _within(axes, x, y, look)
            wanted.append((inner * float(place.transform((x, y))[1]), x, y, name, look))
    wanted.sort(key=lambda each: each[:4])
    heights = spread_out([height for height, *_ in wanted], LABEL_LINE, inner)
    for height, (_, x, y, name, look) in zip(heights, wanted, strict=True):
        text = axes.annotate(
            shorten(name),
            (x, y),
            (1 + 14 / width, height / inner),
            textcoords="axes fraction",
            va="center",
            fontsize=9.5,
            color=look.color,
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
        drawing.tag(text, Mark("", look.series))


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


def limit(axes: Axes, which: str, values: Sequence[float], reach: Sequence[float]) -> None:
    """Axis limits from the measured values; intervals that are like the others widen them at most threefold."""
    low, high = min(values), max(values)
    room = max(high - low, 0.2)
    wide = [min(max(v, low - room), high + room) for v in (*middle(reach), low, high)]
    pad = 0.06 * (max(wide) - min(wide) or room)
    (axes.set_ylim if which == "y" else axes.set_xlim)(min(wide) - pad, max(wide) + pad)


def on_scale(found: Sequence[Estimate]) -> list[Estimate]:
    """Those that set the scale: one loss that collapsed would make all others too small to read."""
    kept = middle([each.mean for each in found])
    return [each for each in found if each.mean in kept]


def middle(values: Sequence[float]) -> list[float]:
    """The values that are not far outside the quartiles; all where they are few."""
    if len(values) < ROWS_FOR_A_SCALE:
        return list(values)
    low, _, high = quantiles(values, n=4)
    reach = FAR * (high - low)
    return [value for value in values if low - reach <= value <= high + reach] or list(values)


def interval_of(found: Estimate) -> list[float]:
    """Of the interval of an accuracy, in percent, as far as an accuracy can be: 0 to 100; empty without one."""
    ends = (found.interval.low, found.interval.high) if found.interval else ()
    return [min(max(100 * end, 0.0), 100.0) for end in ends]


def interval_ends(found: Iterable[Estimate]) -> list[float]:
    """Both ends of each interval."""
    return [end for each in found for end in interval_of(each)]


def shorten(text: str, most: int = LONGEST) -> str:
    """The text, with its middle left out where it is longer than `most` characters."""
    keep = (most - 1) // 2
    return text if len(text) <= most else f"{text[:keep]}\N{HORIZONTAL ELLIPSIS}{text[-keep:]}"
