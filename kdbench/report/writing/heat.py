"""Heat maps: a table of figures, each on a ground whose colour tells its sign and its size."""

from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.patches import Rectangle

from kdbench.report.writing.drawing import INK, MUTED, PAPER, SERIES, Drawing, Image, draw
from kdbench.report.writing.series import shorten

TOP, BOTTOM, LINE, CELL, LETTER = 34.0, 8.0, 26.0, 66.0, 5.6
DARKEST = 0.62  # of the ground, at the largest figure: text on it stays readable
Row = tuple[str, Sequence[float | None]]


def plot_heat(
    name: str,
    title: str,
    heads: Sequence[str],
    rows: Sequence[Row],
    show: Callable[[float], str],
    over: str = "",
) -> Image | None:
    """A row of cells for each name, under the heads of the columns; None where no cell has a figure.

    Figures above 0 stand on the first colour, those below on the second: the larger, the darker. `over` says what the
    columns are.
    """
    if not any(figure is not None for _, figures in rows for figure in figures):
        return None
    left = 20 + LETTER * max(len(shorten(label, 30)) for label, _ in rows)
    top = TOP if over else TOP - 14
    width, height = left + CELL * len(heads) + 8, top + BOTTOM + LINE * len(rows)
    return draw(name, title, width, height, lambda drawing: _paint(drawing, (left, top), heads, rows, show, over))


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
        axes.text(x + 0.5, -10 / LINE, shorten(head, 12), color=MUTED, fontsize=8.5, **style)
    most = max(abs(figure) for _, figures in rows for figure in figures if figure is not None) or 1.0
    for y, (label, figures) in enumerate(rows):
        axes.text(-0.12, y + 0.5, shorten(label, 30), ha="right", va="center_baseline", fontsize=9.5, color=INK)
        for x, (head, figure) in enumerate(zip(heads, figures, strict=True)):
            if figure is None:
                axes.text(x + 0.5, y + 0.5, "\N{EM DASH}", color=MUTED, **style)
                continue
            ground = SERIES[0] if figure >= 0 else SERIES[1]
            alpha = DARKEST * abs(figure) / most
            box = Rectangle((x, y), 1, 1, facecolor=ground, alpha=alpha, edgecolor=PAPER, linewidth=1.5)
            axes.add_patch(box)
            drawing.tip(box, f"{label}, {head}: {show(figure)}")
            axes.text(x + 0.5, y + 0.5, show(figure), color=INK, fontsize=9.5, **style)
