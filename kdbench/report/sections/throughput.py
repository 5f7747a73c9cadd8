"""Samples per second against batch size."""

from collections.abc import Sequence

from matplotlib.ticker import LogLocator, NullLocator

from kdbench.analyze import Deployed, Summary
from kdbench.analyze.deployment.architectures import Throughput
from kdbench.report.sections.deployment import names_of
from kdbench.report.writing import formats as f
from kdbench.report.writing.drawing import DASHES, GRID, MARKERS, SERIES, Drawing, Image, draw
from kdbench.report.writing.looks import Look
from kdbench.report.writing.section import Section
from kdbench.report.writing.series import label_ends, mark, size_beside, trace
from kdbench.report.writing.tables import Cell, Column, Table

WIDTH, HEIGHT, LEFT, RIGHT, BOTTOM, TOP = 720.0, 300.0, 70.0, 236.0, 44.0, 12.0
NAME = 36  # letters, of a name beside the plot that needs no more room
HELP = (
    "How many samples a model answers in a second, when it gets so many of them in one call. Both axes are "
    "logarithmic: a line that rises by as much as it goes right serves twice the batch in the same time. Where a "
    "line is flat, a larger batch only makes each caller wait longer."
)
TERM = (
    "Throughput",
    "The batch size doubles until throughput no longer rises or a limit is met. Samples per second are of the time "
    "inside calls, medians over slices interleaved with the reference's.",
)
Line = tuple[str, Throughput, Look]


def throughput_section(summary: Summary) -> Section:
    """Samples per second when many samples are available at once."""
    return Section(
        "throughput",
        "Throughput",
        "Samples per second where many samples are there at once.",
        tuple(image for image in (plot_throughput(summary.deployed),) if image),
        (throughput_table(summary.deployed),),
        (TERM,),
    )


def throughput_table(deployed: Sequence[Deployed]) -> Table:
    """One row per architecture and way of timing."""
    columns = (
        Column("Model", numeric=False),
        Column("How", numeric=False),
        Column("Single stream", "samples/s", "batch 1, one call after the other"),
        Column("Offline", "samples/s", "the highest of any batch size"),
        Column("Batch", "samples", "the smallest that reaches 95 % of the highest"),
        Column("Ended at", "batch"),
        Column("Why", numeric=False),
    )
    rows = tuple(
        (
            Cell(names_of(model)),
            Cell(_how(each)),
            Cell(f.count(round(each.rates[0][1])), sort=each.rates[0][1]),
            Cell(f.count(round(each.peak)), sort=each.peak),
            Cell(f.count(each.batch), sort=each.batch),
            Cell(f.count(each.rates[-1][0]), sort=each.rates[-1][0]),
            Cell(each.ended),
        )
        for model in deployed
        for each in model.throughputs
    )
    return Table("throughput", "Samples per second", columns, rows)


def plot_throughput(deployed: Sequence[Deployed]) -> Image | None:
    """Samples per second by batch size, both logarithmic; None where nothing was swept."""
    lines: list[Line] = []
    several = len({_how(each) for model in deployed for each in model.throughputs}) > 1
    for model in deployed:
        for each in model.throughputs:
            name = f"{names_of(model)}, {_how(each)}" if several else names_of(model)
            lines.append((name, each, _look(name, len(lines))))
    if not lines:
        return None
    title = "Samples per second by batch size"
    width, height = size_beside([name for name, *_ in lines], WIDTH, HEIGHT, TOP + BOTTOM, NAME)
    return draw("throughput", title, width, height, lambda drawing: _paint(drawing, lines), HELP)


def _look(name: str, i: int) -> Look:
    return Look(SERIES[i % len(SERIES)], MARKERS[i % len(MARKERS)], DASHES[i % len(DASHES)], series=name)


def _paint(drawing: Drawing, lines: Sequence[Line]) -> None:
    axes = drawing.axes(LEFT, RIGHT + drawing.width - WIDTH, BOTTOM, TOP)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    for name, each, look in lines:
        batches, rates = zip(*each.rates, strict=True)
        trace(drawing, axes, batches, rates, look, name)
        for batch, rate in each.rates:
            mark(drawing, axes, batch, rate, look, f"{name}, batch {batch}: {f.count(round(rate))} samples/s")
    sizes = sorted({batch for _, each, _ in lines for batch, _ in each.rates})
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set(xlabel="Batch (samples)", ylabel="Samples per second")
    axes.yaxis.set_major_formatter(lambda value, _: f.count(value))
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    label_ends(drawing, axes, [(*each.rates[-1], name, look) for name, each, look in lines])


def _how(each: Throughput) -> str:
    return each.how.label.removesuffix(f", batch {each.how.batch}")
