"""Stability under corruptions: the samples that are predicted right under every condition, drawn and in figures."""

from matplotlib.axes import Axes
from pydantic import JsonValue

from kdbench.analyze import Summary
from kdbench.analyze.models.conditions import ConditionRow
from kdbench.report.writing import formats as f
from kdbench.report.writing.drawing import INK, MUTED, SERIES, Drawing, Image, draw
from kdbench.report.writing.heat import cell, shades
from kdbench.report.writing.section import Section
from kdbench.report.writing.series import room_for, shorten
from kdbench.report.writing.tables import Cell, Column, Table, estimate_cell, gain_cell, model_cell

# What the numbers of a corruption are in, as the views define them.
UNITS = {
    "sd": "SDs of the training data",
    "gaussian_blur.sd": "pixels",
    "shift": "SDs of the training data",
    "factor": "of the image's own",
    "share": "of the side",
}
LEFT, TOP, BOTTOM, LINE, CELL = 122.0, 28.0, 8.0, 24.0, 50.0
NAME = 19  # letters, of a model that needs no more room
HEAD, LONGEST_HEAD = 4.8, 20  # points of a letter, and letters, of the heading of a column
EVERYWHERE = "everywhere"
HELP = (
    "Each line is a model, each column a condition of the test images, and each figure the share of images that the "
    "model got right there. The darker a cell, the more accuracy was lost against the clean images. The last column "
    "is the share that was right on the clean images and under every condition: what can be relied on. A cell with a "
    "frame lost far more than all others; it has the darkest colour of the scale."
)
TERM = (
    "Right everywhere",
    "The share of the test split that is predicted right on the clean images and under every corruption. All models "
    "see the same corrupted images. A condition without any figure does not count; a model that lacks one has no "
    "share.",
)


def conditions_section(summary: Summary) -> Section:
    """The share of samples that is right under every condition."""
    images = (plot_conditions(summary, pair.pair, index) for index, pair in enumerate(summary.pairs))
    return Section(
        "conditions",
        "Stability under corruptions",
        "The share of the test split that is predicted right under every condition: on the clean images and under each "
        f"corruption. {_severities(summary)}".strip(),
        tuple(image for image in images if image),
        (stable_table(summary), condition_table(summary), unevaluated_table(summary)),
        (TERM,),
    )


def stable_table(summary: Summary) -> Table:
    """One row per model and loss: the share that stays right."""
    columns = (
        Column("Model and loss", numeric=False),
        Column("Right everywhere", "% of test", "clean and under every corruption, with its 95 % Student-t interval"),
        Column("Against the student alone", "points", "paired by seed and test sample, with its 95 % interval"),
        Column("Clean", "% of test", "top-1 on the test split as it is"),
        Column("Hardest", "% of test", "the condition of the lowest mean"),
    )
    rows = tuple(_stable_row(summary, row) for row in summary.conditions)
    return Table("conditions", "Right under every condition", columns, rows)


def _stable_row(summary: Summary, row: ConditionRow) -> tuple[Cell, ...]:
    name, worst = min(row.top1.items(), key=lambda item: item[1].mean, default=("", None))
    return (
        model_cell(summary, row),
        estimate_cell(row.stable, f.percent, f.percent_interval),
        gain_cell(row.against_alone),
        Cell(f.percent(row.clean.mean), sort=row.clean.mean),
        Cell(f.percent(worst.mean), name, worst.mean) if worst else Cell(f.NONE),
    )


def evaluated(summary: Summary) -> tuple[str, ...]:
    """The conditions that any model was evaluated under, in the suite's order."""
    return tuple(c.label for c in summary.suite.corruptions if any(c.label in row.top1 for row in summary.conditions))


def _severities(summary: Summary) -> str:
    """Each corruption with its severity."""
    found = []
    for condition in summary.suite.corruptions:
        use = condition.use
        named = condition.label if condition.label == use else f"{condition.label} ({use.replace('_', ' ')})"
        options = ", ".join(_option(use, name, value) for name, value in condition.options.items())
        found.append(f"{named} {options}".strip())
    return f"Severities: {'; '.join(found)}." if found else ""


def _option(use: str, name: str, value: JsonValue) -> str:
    """'sd 0.75 pixels', 'degrees 15'."""
    plain = f"{value:g}" if isinstance(value, float) else str(value)
    return f"{name} {plain} {UNITS.get(f'{use}.{name}', UNITS.get(name, ''))}".strip()


def condition_table(summary: Summary) -> Table:
    """Top-1 of every model under every condition."""
    names = evaluated(summary)
    columns = (Column("Model and loss", numeric=False), *(Column(name, "% of test") for name in names))
    rows = tuple(
        (
            model_cell(summary, row),
            *(estimate_cell(row.top1.get(name), f.percent, f.percent_interval) for name in names),
        )
        for row in summary.conditions
    )
    return Table("each-condition", "Top-1 under each condition", columns, rows, folded=True)


def unevaluated_table(summary: Summary) -> Table:
    """Conditions that were asked for and lack some model's figure."""
    columns = (
        Column("Condition", numeric=False),
        Column("Without a figure", "models trained"),
        Column("Why", numeric=False),
    )
    models = sum(len(row.seeds) for row in summary.models)
    names = evaluated(summary)
    rows = []
    for condition in summary.suite.corruptions:
        name = condition.label
        lacking = sum(row.lacking.get(name, 0) for row in summary.conditions) if name in names else models
        if lacking:
            why = "no record; see Not done as asked" if summary.notes else "the run has neither a record nor a reason"
            rows.append((Cell(name), Cell(f"{lacking} of {models}", sort=lacking), Cell(why)))
    return Table("unevaluated", "Conditions without figures", columns, tuple(rows))


def plot_conditions(summary: Summary, pair: str, index: int) -> Image | None:
    """Mean top-1 of each model of a pair, a column per condition; None where none was evaluated."""
    rows = [row for row in summary.conditions if row.pair == pair]
    names = [c.label for c in summary.suite.corruptions if any(c.label in row.top1 for row in rows)]
    if not names:
        return None
    heads = ["clean", *names, EVERYWHERE]
    cell_width = max(CELL, 4 + HEAD * max(len(shorten(head, LONGEST_HEAD)) for head in heads))
    width, height = _left(rows) + cell_width * len(heads) + 8, TOP + BOTTOM + LINE * len(rows)
    title = f"Top-1 of {pair} under each condition, and the share right under all of them (% of test)"
    return draw(f"conditions-{index}", title, width, height, lambda drawing: _paint(drawing, rows, heads), HELP)


def _left(rows: list[ConditionRow]) -> float:
    """Points that the names of the rows need."""
    return LEFT + room_for((row.row for row in rows), NAME)


def _paint(drawing: Drawing, rows: list[ConditionRow], heads: list[str]) -> None:
    axes = drawing.axes(_left(rows), 8, BOTTOM, TOP)
    axes.set(xlim=(0, len(heads)), ylim=(len(rows), 0))
    axes.axis("off")
    for x, head in enumerate(heads):
        _write(axes, x + 0.5, -0.5, shorten(head, LONGEST_HEAD), color=MUTED, size=8.0)
    lost = [max(row.clean.mean - v, 0.0) for row in rows for v in _values(row, heads) if v is not None]
    shade = iter(shades(lost))
    for y, row in enumerate(rows):
        name = "teacher" if row.role == "teacher" else row.row
        axes.text(-0.12, y + 0.5, shorten(name), ha="right", va="center_baseline", fontsize=9.5, color=INK)
        for x, (head, value) in enumerate(zip(heads, _values(row, heads), strict=True)):
            if value is None:
                _write(axes, x + 0.5, y + 0.5, "\N{EM DASH}", color=MUTED)
                continue
            drop = row.clean.mean - value
            box = cell(axes, x, y, SERIES[0], next(shade))
            drawing.tip(box, f"{name}, {head}: {f.percent(value)}, {f.points(-drop)} points against clean")
            _write(axes, x + 0.5, y + 0.5, f"{100 * value:.1f}", weight="bold" if head == EVERYWHERE else "normal")


def _values(row: ConditionRow, heads: list[str]) -> list[float | None]:
    """Clean, each condition, and everywhere."""
    each = [row.top1[name].mean if name in row.top1 else None for name in heads[1:-1]]
    return [row.clean.mean, *each, row.stable.mean if row.stable else None]


def _write(
    axes: Axes, x: float, y: float, text: str, *, color: str = INK, weight: str = "normal", size: float = 9.5
) -> None:
    axes.text(x, y, text, ha="center", va="center_baseline", fontsize=size, color=color, fontweight=weight)
