"""Heat maps: a table of figures, each on a ground whose colour tells its sign and its size."""

from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from kdbench.report.writing.drawing import INK, MUTED, PAPER, SERIES, Drawing, Image, draw
from kdbench.report.writing.series import LETTER, middle, shorten

TOP, BOTTOM, LINE, CELL = 34.0, 8.0, 26.0, 66.0
DARKEST = 0.62  # of the ground, at the largest figure: text on it stays readable
Row = tuple[str, Sequence[float | None]]
HELP = (
    "The figure in each cell is what was measured; the colour only helps to find it. Blue is above 0, orange below: "
    "the larger the figure, the darker. A cell with a frame is so far from all others that it would make them pale; "
    "it has the darkest colour of the scale."
)


def plot_heat(
    name: str,
    title: str,
    heads: Sequence[str],
    rows: Sequence[Row],
    show: Callable[[float], str],
    over: str = "",
    help: str = "",
) -> Image | None:
    """A row of cells for each name, under the heads of the columns; None where no cell has a figure.

    Figures above 0 stand on the first colour, those below on the second: the larger, the darker. `over` says what the
    columns are, and `help` what the figures are.
    """
    if not any(figure is not None for _, figures in rows for figure in figures):
        return None
    left = 20 + LETTER * max(len(shorten(label)) for label, _ in rows)
    top = TOP if over else TOP - 14
    cell = max(CELL, 6 + LETTER * max(len(shorten(head, 24)) for head in heads))
    width, height = left + cell * len(heads) + 8, top + BOTTOM + LINE * len(rows)
    told = f"{help} {HELP}".strip()
    return draw(name, title, width, height, lambda drawing: _paint(drawing, (left, top), heads, rows, show, over), told)


def shades(figures: Sequence[float]) -> list[float]:
    """How dark each figure's ground is, from 0 to 1; more than 1 where a figure is far from all others."""
    most = max(middle([abs(figure) for figure in figures if figure]), default=1.0)
    return [abs(figure) / most for figure in figures]


def _paint(
    drawing: Drawing,
    margins: tuple[float, float],
    heads: Sequence[str],
    rows: Sequence[Row],
    show: Callable[[float], str],
    over: str,
) -> None:
    left, top = margins
    axes = drawing.axes(left, 8, BOTTOM, top)
    axes.set(xlim=(0, len(heads)), ylim=(len(rows), 0))
    axes.axis("off")
    style: dict[str, Any] = {"ha": "center", "va": "center_baseline"}
    if over:
        axes.text(len(heads) / 2, -26 / LINE, over, color=MUTED, fontsize=9, **style)
    for x, head in enumerate(heads):
        axes.text(x + 0.5, -10 / LINE, shorten(head, 24), color=MUTED, fontsize=8.5, **style)
    before = -8 * len(heads) / (drawing.width - left - 8)  # 8 points left of the cells, in cells
    shade = iter(shades([figure for _, figures in rows for figure in figures if figure is not None]))
    for y, (label, figures) in enumerate(rows):
        axes.text(before, y + 0.5, shorten(label), ha="right", va="center_baseline", fontsize=9.5, color=INK)
        for x, (head, figure) in enumerate(zip(heads, figures, strict=True)):
            if figure is None:
                axes.text(x + 0.5, y + 0.5, "\N{EM DASH}", color=MUTED, **style)
                continue
            box = cell(axes, x, y, SERIES[0] if figure >= 0 else SERIES[1], next(shade))
            drawing.tip(box, f"{label}, {head}: {show(figure)}")
            axes.text(x + 0.5, y + 0.5, show(figure), color=INK, fontsize=9.5, **style)


def cell(axes: Axes, x: float, y: float, color: str, shade: float) -> Rectangle:
    """The ground of a cell, with a frame where its figure is off the scale."""
    alpha = DARKEST * min(max(shade, 0.01), 1.0)  # a ground that is not painted would have no tooltip
    box = Rectangle((x, y), 1, 1, facecolor=color, alpha=alpha, edgecolor=PAPER, linewidth=1.5)
    axes.add_patch(box)
    if shade > 1:
        axes.add_patch(Rectangle((x + 0.04, y + 0.07), 0.92, 0.86, fill=False, edgecolor=INK, linewidth=1.2))
    return box
