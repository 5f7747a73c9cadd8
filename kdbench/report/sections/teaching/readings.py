"""What losses tell of themselves while they train, such as a temperature: by epoch, drawn and in figures."""

from collections.abc import Iterator
from functools import partial
from textwrap import fill

from matplotlib.ticker import MaxNLocator

from kdbench.analyze import PairSummary, Summary
from kdbench.analyze.teaching.readings import ReadingRow
from kdbench.report.writing import formats as f
from kdbench.report.writing.drawing import GRID, Drawing, Image, draw
from kdbench.report.writing.looks import Look, looks
from kdbench.report.writing.section import Section
from kdbench.report.writing.series import band, label_ends, middle, size_beside, trace
from kdbench.report.writing.tables import Cell, Column, Table, row_cell
from kdbench.statistics.curves import MeanCurve

WIDTH, LEFT, RIGHT, BOTTOM, TOP = 520.0, 66.0, 128.0, 44.0, 12.0
HELP = (
    "What a loss tells of itself after each epoch: the mean over the steps of that epoch. A line is the mean over "
    "seeds; the shaded band reaches from the lowest to the highest seed. A line ends where the loss no longer uses "
    "the figure."
)


def readings_section(summary: Summary) -> Section:
    """Empty where no loss tells anything."""
    return Section(
        "readings",
        "What changes within the losses",
        "Some losses change while they train: they learn a temperature, follow a schedule, or lower the teacher's "
        "weight.",
        tuple(image for index, pair in enumerate(summary.pairs) for image in _plots(summary, pair, index)),
        (readings_table(summary),),
    )


def readings_table(summary: Summary) -> Table:
    """One line per row and figure."""
    columns = (
        Column("Loss", numeric=False),
        Column("Figure", numeric=False),
        Column("First epoch", "", "mean over seeds"),
        Column("Last epoch", "", "mean over seeds; below, which epoch it is"),
        Column("Lowest", "", "of all epochs, mean over seeds"),
        Column("Highest", "", "likewise"),
    )
    rows = tuple(
        (row_cell(summary, row), Cell(name), *_figures(curve))
        for row in summary.readings
        for name, curve in row.curves.items()
    )
    return Table("readings", "First and last values", columns, rows)


def _figures(curve: MeanCurve) -> tuple[Cell, ...]:
    first, last = curve.mean[0], curve.mean[-1]
    return (
        Cell(f.number(first), sort=first),
        Cell(f.number(last), f"epoch {curve.epochs[-1]}", last),
        *(Cell(f.number(value), sort=value) for value in (min(curve.mean), max(curve.mean))),
    )


def _plots(summary: Summary, pair: PairSummary, index: int) -> Iterator[Image]:
    """One for each figure that some loss of the pair tells."""
    rows, style = [row for row in summary.readings if row.pair == pair.pair], looks(summary, pair)
    for number, name in enumerate(dict.fromkeys(name for row in rows for name in row.curves)):
        lines = [(row, row.curves[name], style[row.row]) for row in rows if name in row.curves]
        title = f"{name[0].upper()}{name[1:]} by epoch, {pair.pair}"
        front = [row.row for row, _, look in lines if not look.quiet]
        width, height = size_beside(front, WIDTH, 220.0, TOP + BOTTOM)
        yield draw(f"readings-{index}-{number}", title, width, height, partial(_paint, lines=lines, name=name), HELP)


def _paint(drawing: Drawing, lines: list[tuple[ReadingRow, MeanCurve, Look]], name: str) -> None:
    axes = drawing.axes(LEFT, RIGHT + drawing.width - WIDTH, BOTTOM, TOP)
    for row, curve, look in lines:
        band(drawing, axes, curve.epochs, curve.low, curve.high, look)
        last = f"{f.number(curve.mean[-1])} in epoch {curve.epochs[-1]}"
        tip = f"{row.row}: {name} {last}, mean of {f.several(curve.seeds, 'seed')}"
        trace(drawing, axes, curve.epochs, curve.mean, look, tip)
    label = fill(name[0].upper() + name[1:], 24)  # a long one in two lines, since one would be cut
    axes.set(xlabel="Epoch", ylabel=label, ylim=(0, 1.05 * max(middle([max(c.high) for _, c, _ in lines]))))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    ends = [(curve.epochs[-1], curve.mean[-1], row.row, look) for row, curve, look in lines]
    label_ends(drawing, axes, ends)
