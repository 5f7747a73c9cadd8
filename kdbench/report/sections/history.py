"""Figures over all checks of a suite: what moved, when, and what the moves add up to."""

from collections.abc import Sequence
from typing import get_args

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from kdbench.analyze.gate.verdict import FIGURES
from kdbench.analyze.history import SHARES, Level, Point, Series
from kdbench.report.writing import formats as f
from kdbench.report.writing.drawing import GRID, INK, SERIES, Drawing, Image, draw
from kdbench.report.writing.looks import Look
from kdbench.report.writing.section import Section
from kdbench.report.writing.series import bar, mark, trace
from kdbench.report.writing.tables import Cell, Column, Table
from kdbench.spec.comparison import Metric, OfFiles
from kdbench.statistics.checks.change_points import FEWEST

WIDTH, HEIGHT, LEFT, RIGHT, BOTTOM, TOP = 520.0, 220.0, 64.0, 18.0, 44.0, 12.0
MOST_PLOTS = 12
CHECK, LEVEL = Look(SERIES[0], "o", series="check", size=5), Look(INK, "o", series="level")
HELP = (
    "One point for each check, the earliest on the left, with its 95 % interval where its error is known: a bar. The "
    "black lines are the levels between changes. A figure that repeats exactly has no bar, since the training repeats "
    "bit for bit."
)
TERMS = (
    (
        "Change of level",
        "By PELT with squared errors (Killick, Fearnhead, Eckley 2012; the package ruptures), over the SD of single "
        "checks, which successive differences tell; not under their own standard error. A level lasts two checks at "
        f"least, and under {FEWEST} checks none is told. Parameters, FLOPs, bytes and operators have no noise: of them "
        "every change is told.",
    ),
    (
        "Since the first check",
        "The last level less the first, with its 95 % interval: points of shares, of all else a share of the first. "
        "'Beyond the limit' where that interval lies beyond what one check lets pass: each check may have passed. "
        "A slow drift has stairs for levels, and their means are told: at each end about half a stair is missing.",
    ),
    (
        "Latency over several baselines",
        "A check tells the ratio to the network of its baseline. Where an earlier check timed that network, its ratio "
        "is multiplied in; else a series of its own begins.",
    ),
)


def history_section(found: Sequence[Series]) -> Section:
    """Plots of what moved, and all figures."""
    moved = [series for series in found if len(series.levels) > 1]
    images = tuple(_plot(series, number) for number, series in enumerate(moved[:MOST_PLOTS]))
    more = f" The first {MOST_PLOTS} of them are drawn." if len(moved) > MOST_PLOTS else ""
    return Section(
        "history",
        "Figures over the checks",
        f"{f.several(len(moved), 'figure')} of {len(found)} moved.{more}",
        images,
        (_series_table(found), _changes_table(moved)),
        TERMS,
    )


def name_of(series: Series) -> str:
    """`top-1: p / student / kd`."""
    return f"{FIGURES[series.kind]}: {series.what}"


def word_of(series: Series) -> str:
    """What became of a figure since the first check, and whether the latest one regressed it."""
    if len(series.levels) > 1:
        word = "beyond the limit" if series.beyond else "worse" if series.worse else "changed"
    else:
        word = "" if series.regressed else "too few checks" if series.short else "steady"
    return ", ".join(filter(None, (word, "regressed in the latest check" if series.regressed else "")))


def say_value(kind: Metric, value: float) -> str:
    """'91.20 %', 'x1.041', '12,345', '12.3 s'."""
    if kind in SHARES:
        return f.percent(value)
    if kind in get_args(OfFiles):
        return f.count(round(value))
    return f"x{value:.3f}" if kind == "latency" else f.seconds(value)


def say_change(series: Series) -> str:
    """'+0.42 points (+0.30 to +0.54)', '+4.1 % (+3.5 to +4.7)'."""
    share = series.kind in SHARES
    say = f.points if share else _percent
    interval = f" ({say(series.interval.low)} to {say(series.interval.high)})" if series.interval else ""
    return f"{say(series.change)} {'points' if share else '%'}{interval}"


def say_allowed(series: Series) -> str:
    """'0.50 points', '5 %'."""
    return f"{100 * series.allowed:.2f} points" if series.kind in SHARES else f"{100 * series.allowed:g} %"


def when(point: Point) -> str:
    """`2026-11-28 21:40, commit 0123456789ab`."""
    commit = f", commit {point.check.commit}" if point.check.commit else ""
    return f"{point.check.checked[:16].replace('T', ' ')}{commit}"


def _percent(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", f.MINUS)


def _series_table(found: Sequence[Series]) -> Table:
    columns = (
        Column("Figure", numeric=False),
        Column("Found", numeric=False),
        Column("Since the first check"),
        Column("One check lets pass"),
        Column("First"),
        Column("Last"),
        Column("Checks"),
    )
    rows = tuple(
        (
            Cell(name_of(series)),
            Cell(word_of(series), tag="worse" if series.regressed or series.worse else ""),
            Cell(say_change(series) if len(series.levels) > 1 else f.NONE, sort=series.change),
            Cell(say_allowed(series), sort=series.allowed),
            Cell(say_value(series.kind, series.points[0].value), sort=series.points[0].value),
            Cell(say_value(series.kind, series.points[-1].value), sort=series.points[-1].value),
            Cell(str(len(series.points)), sort=len(series.points)),
        )
        for series in found
    )
    return Table("figures", "Figures", columns, rows)


def _changes_table(moved: Sequence[Series]) -> Table:
    columns = (
        Column("Figure", numeric=False),
        Column("First check of the new level", numeric=False),
        Column("Before", "mean of its level"),
        Column("After", "mean of its level"),
    )
    rows = tuple(
        (
            Cell(name_of(series)),
            Cell(when(after.points[0]), f"run {after.points[0].check.run}"),
            Cell(say_value(series.kind, before.mean), sort=before.mean),
            Cell(say_value(series.kind, after.mean), sort=after.mean),
        )
        for series in moved
        for before, after in zip(series.levels, series.levels[1:], strict=False)
    )
    return Table("changes", "Changes of level", columns, rows)


def _plot(series: Series, number: int) -> Image:
    return draw(f"history-{number}", name_of(series), WIDTH, HEIGHT, lambda drawing: _paint(drawing, series), HELP)


def _paint(drawing: Drawing, series: Series) -> None:
    axes = drawing.axes(LEFT, RIGHT, BOTTOM, TOP)
    scale = 100.0 if series.kind in SHARES else 1.0
    points = series.points
    values = [scale * point.value for point in points]
    low, high = min(values), max(values)
    room = 0.15 * (high - low) or 0.01 * abs(high) or 1.0
    axes.set(xlim=(0.5, len(points) + 0.5), ylim=(low - room, high + room))
    axes.set(xlabel="check", ylabel=f"{FIGURES[series.kind]}{' (%)' if scale > 1 else ''}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    for at, (point, value) in enumerate(zip(points, values, strict=True), start=1):
        if point.interval:
            bar(drawing, axes, [at, at], [scale * point.interval.low, scale * point.interval.high], CHECK)
        mark(drawing, axes, at, value, CHECK, f"{when(point)}: {say_value(series.kind, point.value)}")
    _levels(drawing, axes, series.levels, scale)


def _levels(drawing: Drawing, axes: Axes, levels: Sequence[Level], scale: float) -> None:
    first = 1
    for level in levels:
        last = first + len(level.points) - 1
        trace(drawing, axes, [first - 0.4, last + 0.4], [scale * level.mean] * 2, LEVEL)
        first = last + 1
