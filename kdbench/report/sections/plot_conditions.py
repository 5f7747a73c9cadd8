"""Accuracy in every environment as a heat table: what a corruption costs, and which loss stands it best."""

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from kdbench.analyze import Summary
from kdbench.analyze.models.conditions import EnvironmentRow
from kdbench.report.writing.drawing import INK, MUTED, PAPER, SERIES, Drawing, Image, draw
from kdbench.report.writing.formats import percent, points
from kdbench.report.writing.series import shorten

LEFT, TOP, BOTTOM, LINE, CELL = 122.0, 28.0, 8.0, 24.0, 50.0
DARKEST = 0.62  # of the ink, at the largest loss: figures on it stay readable
EVERYWHERE = "everywhere"


def plot_environments(summary: Summary, pair: str, index: int) -> Image | None:
    """Mean top-1 of each model of a pair, a column per environment; None where none was evaluated."""
    rows = [row for row in summary.environments if row.pair == pair]
    names = [e.label for e in summary.suite.environments if any(e.label in row.top1 for row in rows)]
    if not names:
        return None
    heads = ["clean", *names, EVERYWHERE]
    width, height = LEFT + CELL * len(heads) + 8, TOP + BOTTOM + LINE * len(rows)
    title = f"Top-1 of {pair} in each environment, and the share right in all of them (% of test)"
    return draw(f"environments-{index}", title, width, height, lambda drawing: _paint(drawing, rows, heads))


def _paint(drawing: Drawing, rows: list[EnvironmentRow], heads: list[str]) -> None:
    axes = drawing.axes(LEFT, 8, BOTTOM, TOP)
    axes.set(xlim=(0, len(heads)), ylim=(len(rows), 0))
    axes.axis("off")
    for x, head in enumerate(heads):
        _write(axes, x + 0.5, -0.5, shorten(head, 11), color=MUTED, size=8.0)
    lost = [row.clean.mean - value for row in rows for value in _values(row, heads) if value is not None]
    most = max(lost, default=0.0) or 1.0
    for y, row in enumerate(rows):
        name = "teacher" if row.role == "teacher" else row.loss
        axes.text(-0.12, y + 0.5, shorten(name, 19), ha="right", va="center_baseline", fontsize=9.5, color=INK)
        for x, (head, value) in enumerate(zip(heads, _values(row, heads), strict=True)):
            if value is None:
                _write(axes, x + 0.5, y + 0.5, "\N{EM DASH}", color=MUTED)
                continue
            drop = row.clean.mean - value
            box = Rectangle(
                (x, y), 1, 1, facecolor=SERIES[0], alpha=DARKEST * max(drop, 0.0) / most, edgecolor=PAPER, linewidth=1.5
            )
            axes.add_patch(box)
            drawing.tip(box, f"{name}, {head}: {percent(value)}, {points(-drop)} points against clean")
            _write(axes, x + 0.5, y + 0.5, f"{100 * value:.1f}", weight="bold" if head == EVERYWHERE else "normal")


def _values(row: EnvironmentRow, heads: list[str]) -> list[float | None]:
    """Clean, each environment, and everywhere."""
    each = [row.top1[name].mean if name in row.top1 else None for name in heads[1:-1]]
    return [row.clean.mean, *each, row.stable.mean if row.stable else None]


def _write(
    axes: Axes, x: float, y: float, text: str, *, color: str = INK, weight: str = "normal", size: float = 9.5
) -> None:
    axes.text(x, y, text, ha="center", va="center_baseline", fontsize=size, color=color, fontweight=weight)
