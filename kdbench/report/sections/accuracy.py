"""Accuracy against cost: seeds as dots, means with intervals, teachers as stars, the likely Pareto front in rings."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from matplotlib.axes import Axes

from kdbench.analyze import ModelRow, Summary
from kdbench.analyze.models.front import latency_cost
from kdbench.report.writing.drawing import GRID, INK, MUTED, Drawing, Image, draw
from kdbench.report.writing.formats import count, microseconds, percent
from kdbench.report.writing.looks import TEACHER, Look, in_front, looks
from kdbench.report.writing.section import Section
from kdbench.report.writing.series import (
    LEGEND_LINE,
    bar,
    dots,
    interval_ends,
    interval_of,
    legend,
    limit,
    mark,
    middle,
    on_scale,
    room_for,
    shorten,
)

WIDTH, LEFT, RIGHT, TOP = 720.0, 56.0, 176.0, 14.0
INNER = WIDTH - LEFT - RIGHT
SEED = Look(MUTED, "o", size=3)
OTHERS = Look(MUTED, "o")
FRONT = Look(MUTED, "o", size=15, hollow=True)
CHARACTER = 6.2  # points, of the widest sans-serif that a browser may take
CLUSTER = 110.0  # points, that the losses of one model may take
LABEL = 27.0  # points, of a tick label of two lines
LATENCY = (
    "Latency of a model",
    "The p50 of the reference network, times the measured ratio to it. That ratio is robust to drift of the machine; a "
    "p50 is not.",
)
FRONT_TERM = (
    "Pareto front",
    "The models to which no other model of this run is at least as accurate and as cheap, and better in one. Its "
    "probability is the share of 2,000 bootstrap draws. Accuracies are drawn jointly by seed; latency from the "
    "interval of its ratio, one draw for all losses of an architecture. A model with one seed does not vary between "
    "draws: its share is too extreme.",
)
HELP = (
    "Higher is more accurate, further left is cheaper: the best place is the upper left. The large mark is a mean, "
    "the line through it its 95 % interval, and the small dots beside it are single seeds. Losses of one model cost "
    "the same, so they stand side by side around the vertical line of that model, the best first. A ring is around "
    "each model that is probably on the Pareto front: no other one is both more accurate and cheaper. An arrow at "
    "the edge is a mean that lies outside the plot."
)


def accuracy_section(summary: Summary) -> Section:
    """Top-1 against latency, or against FLOPs where some model was not timed."""
    image = plot_accuracy(summary)
    cost = "latency" if summary.reference else "compute"
    return Section(
        "accuracy",
        "Accuracy against cost",
        f"What each student's accuracy costs in {cost}, beside its teacher. Losses of one model cost the same.",
        (image,) if image else (),
        terms=(LATENCY, FRONT_TERM) if summary.reference else (FRONT_TERM,),
    )


def plot_accuracy(summary: Summary) -> Image | None:
    """Test top-1 against latency, or FLOPs where some model was not timed; None without models."""
    if not summary.models:
        return None
    cost = "latency" if summary.reference else "FLOPs per sample"
    entries = len({name for pair in summary.pairs for name in in_front(summary, pair)}) + 4
    lines = 1 + max(label.line for label in _layout(summary)[2])
    height = max(360.0 + LABEL * (lines - 2), LEGEND_LINE * entries + 2 * TOP)
    title = f"Test top-1 accuracy against {cost} of every model, log scale"
    room = room_for(name for pair in summary.pairs for name in in_front(summary, pair))
    return draw("accuracy", title, WIDTH + room, height, lambda drawing: _paint(drawing, summary, room), HELP)


def _paint(drawing: Drawing, summary: Summary, room: float) -> None:
    clusters, places, labels = _layout(summary)
    bottom = 38 + LABEL * (1 + max(label.line for label in labels))
    axes = drawing.axes(LEFT, RIGHT + room, bottom, TOP)
    axes.set_xlim(0, INNER)
    shown = on_scale([row.top1 for row in summary.models])
    teachers = [row.top1 for row in summary.models if row.role == "teacher"]
    seeds = middle([100 * value for each in shown for value in each.values])
    means = [100 * each.mean for each in (*shown, *teachers)]
    limit(axes, "y", seeds + means, interval_ends(shown))
    style = {pair.pair: looks(summary, pair) for pair in summary.pairs}
    for cost, rows in clusters.items():
        gap = min((abs(places[cost] - x) for x in places.values() if x != places[cost]), default=INNER)
        # Losses must not overlap, even where they then cross the line of a model that is about as fast.
        inside = 2 * min(places[cost], INNER - places[cost]) / len(rows)  # else the outer ones leave the axes
        step = min(17.0, inside, max(0.8 * gap, min(CLUSTER, 10.0 * len(rows))) / len(rows))
        axes.axvline(places[cost], color=GRID, linewidth=0.8, zorder=0)
        for index, row in enumerate(rows):
            look = TEACHER if row.role == "teacher" else style[row.pair][row.row]
            _mark_model(drawing, axes, row, places[cost] + (index - (len(rows) - 1) / 2) * step, look)
        _mark_interval(axes, summary, rows[0], places[cost], _scale(places))
    axes.set_ylabel("Test top-1 (%)")
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    _write_labels(axes, labels)
    unit = "Latency of one call, by paired ratio (log scale)" if summary.reference else "FLOPs per sample (log scale)"
    at: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "ha": "center"}
    axes.annotate(unit, (0.5, 0), (0, 8 - bottom), **at)
    legend(drawing, WIDTH - RIGHT + 14, TOP, _entries(summary))


def _entries(summary: Summary) -> list[tuple[str, Look]]:
    """The rows that are in colour in some pair, and what else is drawn."""
    front = {name for pair in summary.pairs for name in in_front(summary, pair)}
    found = [("teacher", TEACHER), *((row, look) for row, look in looks(summary).items() if row in front)]
    behind = len({row.row for row in summary.students} - front)
    found += [(f"{behind} others", OTHERS)] if behind else []
    return [*found, ("one seed", SEED), ("likely Pareto front", replace(FRONT, size=11))]


def _layout(summary: Summary) -> tuple[dict[float, list[ModelRow]], dict[float, float], list["_Label"]]:
    """Models by their cost, the position of each cost, and its label."""
    clusters = _clusters(summary)
    places = _places(list(clusters))
    return clusters, places, _labels(clusters, places, timed=summary.reference is not None)


def _clusters(summary: Summary) -> dict[float, list[ModelRow]]:
    """Models by their cost, cheapest first, the most accurate first: losses of one architecture share one cost."""
    found: dict[float, list[ModelRow]] = {}
    for row in summary.models:
        # The model's own p50 drifts with the machine; the ratio was timed in interleaved slices.
        cost = latency_cost(summary.reference, row.architecture) if summary.reference else None
        found.setdefault(cost.value if cost else float(row.flops), []).append(row)
    return {cost: sorted(rows, key=lambda row: -row.top1.mean) for cost, rows in sorted(found.items())}


def _places(costs: Sequence[float]) -> dict[float, float]:
    """The position of each cost on a log axis, in points from the left, with room for losses on both sides."""
    if len(costs) == 1 or costs[0] <= 0:
        return {cost: INNER * (i + 0.5) / len(costs) for i, cost in enumerate(costs)}
    low, span = math.log(costs[0]), math.log(costs[-1] / costs[0])
    margin = 76.0
    return {cost: margin + (INNER - 2 * margin) * (math.log(cost) - low) / span for cost in costs}


def _scale(places: dict[float, float]) -> float:
    """Points of the axis for each unit of the logarithm of cost; 0 for a single cost, which has no scale."""
    (first, left), (last, right) = min(places.items()), max(places.items())
    return (right - left) / math.log(last / first) if 0 < first < last else 0.0


def _mark_interval(axes: Axes, summary: Summary, row: ModelRow, x: float, scale: float) -> None:
    """The 95 % interval of a latency, drawn on the axis; it is that of the ratio to the reference."""
    cost = latency_cost(summary.reference, row.architecture) if summary.reference else None
    if cost and cost.interval:
        ends = [x + scale * math.log(end / cost.value) for end in (cost.interval.low, cost.interval.high)]
        across = axes.get_xaxis_transform()
        axes.plot(ends, [0.0, 0.0], color=INK, linewidth=4.5, solid_capstyle="butt", transform=across, clip_on=False)


def _mark_model(drawing: Drawing, axes: Axes, row: ModelRow, x: float, look: Look) -> None:
    named = "teacher" if row.role == "teacher" else row.row
    if ends := interval_of(row.top1):
        bar(drawing, axes, [x, x], ends, look)
    aside = x + (9 if look is TEACHER else 6)
    seeds = [(s.seed, s.top1) for s in row.seeds]
    named_seeds = [(aside, 100 * top1, f"{row.model}, {named}, seed {s}: {percent(top1)}") for s, top1 in seeds]
    if not look.quiet:
        dots(drawing, axes, named_seeds, look)
    if row.pareto:
        mark(drawing, axes, x, 100 * row.top1.mean, FRONT)
    tip = (
        f"{row.model}, {named}: mean {percent(row.top1.mean)}; on the Pareto front in {100 * row.front:.0f} % of draws"
    )
    mark(drawing, axes, x, 100 * row.top1.mean, look, tip)


@dataclass(frozen=True)
class _Label:
    x: float
    text: str
    line: int  # from 0: the first where it does not overlap another label


def _labels(clusters: dict[float, list[ModelRow]], places: dict[float, float], *, timed: bool) -> list[_Label]:
    """A label per cost with its figure and models, each on the first line where it does not overlap another."""
    ends: list[float] = []  # of the last label on each line
    found = []
    for cost, x in places.items():
        names = shorten(", ".join(dict.fromkeys(row.model for row in clusters[cost])), 26)
        figure = microseconds(cost) if timed else count(cost)
        half = CHARACTER / 2 * max(len(names), len(figure))
        line = next((i for i, end in enumerate(ends) if x - half > end), len(ends))
        ends[line:] = [x + half, *ends[line + 1 :]]
        found.append(_Label(x, f"{figure}\n{names}", line))
    return found


def _write_labels(axes: Axes, labels: Sequence[_Label]) -> None:
    axes.set_xticks([label.x for label in labels], [""] * len(labels))
    for label in labels:
        axes.annotate(
            label.text,
            (label.x, 0),
            (0, -8 - LABEL * label.line),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=9.5,
            linespacing=1.3,
        )
