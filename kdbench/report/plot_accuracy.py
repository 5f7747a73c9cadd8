"""Accuracy against cost: every seed a dot, means with intervals, teachers as stars, the Pareto front ringed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes

from kdbench.analyze import ModelRow, Summary
from kdbench.report.drawing import GRID, MUTED, Drawing, Image, draw
from kdbench.report.formats import count, microseconds, percent
from kdbench.report.looks import LEGEND_LINE, TEACHER, Look, interval_ends, legend, limit, looks, mark, shorten

WIDTH, LEFT, RIGHT, TOP = 720.0, 56.0, 176.0, 14.0
INNER = WIDTH - LEFT - RIGHT
SEED = Look(MUTED, "o", size=3)
FRONT = Look(MUTED, "o", size=15, hollow=True)
CHARACTER = 6.2  # points, of the widest sans-serif that a browser may take
LABEL = 27.0  # points, of a tick label of two lines


def plot_accuracy(summary: Summary) -> Image | None:
    """Test top-1 against p50 latency, or FLOPs where some model was not timed; None without models."""
    if not summary.models:
        return None
    cost = "latency (p50)" if summary.reference else "FLOPs per sample"
    entries = len(looks(summary)) + 3
    lines = 1 + max(label.line for label in _layout(summary)[2])
    height = max(360.0 + LABEL * (lines - 2), LEGEND_LINE * entries + 2 * TOP)
    title = f"Test top-1 accuracy against {cost} of every model, log scale"
    return draw("accuracy", title, WIDTH, height, lambda drawing: _paint(drawing, summary))


def _paint(drawing: Drawing, summary: Summary) -> None:
    clusters, places, labels = _layout(summary)
    bottom = 38 + LABEL * (1 + max(label.line for label in labels))
    axes = drawing.axes(LEFT, RIGHT, bottom, TOP)
    style = looks(summary)
    ordered = sorted(places.values())
    gaps = [after - before for before, after in pairwise(ordered)]
    for cost, rows in clusters.items():
        step = min(17.0, 0.8 * min(gaps, default=INNER) / len(rows))
        axes.axvline(places[cost], color=GRID, linewidth=0.8, zorder=0)
        for index, row in enumerate(rows):
            look = TEACHER if row.role == "teacher" else style[row.loss]
            _mark_model(drawing, axes, row, places[cost] + (index - (len(rows) - 1) / 2) * step, look)
    axes.set_xlim(0, INNER)
    limit(axes, "y", [100 * v for row in summary.models for v in row.top1.values], interval_ends(summary.models))
    axes.set_ylabel("Test top-1 (%)")
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    _write_labels(axes, labels)
    unit = "Latency of one call, p50 (log scale)" if summary.reference else "FLOPs per sample (log scale)"
    at: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "ha": "center"}
    axes.annotate(unit, (0.5, 0), (0, 8 - bottom), **at)
    present = {row.loss for row in summary.students}
    entries = [("teacher", TEACHER), *((loss, look) for loss, look in style.items() if loss in present)]
    legend(
        drawing,
        WIDTH - RIGHT + 14,
        TOP,
        [*entries, ("one seed", SEED), ("Pareto front, by means", replace(FRONT, size=11))],
    )


def _layout(summary: Summary) -> tuple[dict[float, list[ModelRow]], dict[float, float], list["_Label"]]:
    """Models by their cost, where each cost stands, and its label."""
    clusters = _clusters(summary)
    places = _places(list(clusters))
    return clusters, places, _labels(clusters, places, timed=summary.reference is not None)


def _clusters(summary: Summary) -> dict[float, list[ModelRow]]:
    """Models by their cost, cheapest first: the losses of one architecture share one figure, as they must."""
    found: dict[float, list[ModelRow]] = {}
    for row in summary.models:
        cost = summary.reference.p50[row.architecture] if summary.reference else float(row.flops)
        found.setdefault(cost, []).append(row)
    return dict(sorted(found.items()))


def _places(costs: Sequence[float]) -> dict[float, float]:
    """Where each cost stands on a log axis, in points from the left, with room for losses on both sides."""
    if len(costs) == 1 or costs[0] <= 0:
        return {cost: INNER * (i + 0.5) / len(costs) for i, cost in enumerate(costs)}
    low, span = math.log(costs[0]), math.log(costs[-1] / costs[0])
    margin = 76.0
    return {cost: margin + (INNER - 2 * margin) * (math.log(cost) - low) / span for cost in costs}


def _mark_model(drawing: Drawing, axes: Axes, row: ModelRow, x: float, look: Look) -> None:
    named = "teacher" if row.role == "teacher" else row.loss
    if row.top1.interval:
        axes.plot([x, x], [100 * row.top1.interval.low, 100 * row.top1.interval.high], color=look.color, linewidth=1.3)
    for seed in row.seeds:
        tip = f"{row.model}, {named}, seed {seed.seed}: {percent(seed.top1)}"
        mark(axes, x + (9 if look is TEACHER else 6), 100 * seed.top1, Look(look.color, "o", size=3), drawing, tip)
    if row.pareto:
        mark(axes, x, 100 * row.top1.mean, FRONT)
    front = "; on the Pareto front" if row.pareto else ""
    mark(axes, x, 100 * row.top1.mean, look, drawing, f"{row.model}, {named}: mean {percent(row.top1.mean)}{front}")


@dataclass(frozen=True)
class _Label:
    x: float
    text: str
    line: int  # the first, counted from 0, on which its neighbours leave room


def _labels(clusters: dict[float, list[ModelRow]], places: dict[float, float], *, timed: bool) -> list[_Label]:
    """A label per cost with its figure and models; one without room goes to the next line that has it."""
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
