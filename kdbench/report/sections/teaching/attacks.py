"""Accuracy under attacks: by how far a pixel may move, drawn and in figures."""

from collections.abc import Iterator
from functools import partial

from kdbench.analyze import PairSummary, Summary
from kdbench.analyze.teaching.attacks import AttackRow
from kdbench.report.writing import formats as f
from kdbench.report.writing.drawing import GRID, Drawing, Image, draw
from kdbench.report.writing.section import Section
from kdbench.report.writing.series import LABEL_LINE, TEACHER, Look, label_ends, looks
from kdbench.report.writing.tables import Cell, Column, Table, estimate_cell, gain_cell, model_cell

WIDTH, LEFT, RIGHT, BOTTOM, TOP = 520.0, 54.0, 152.0, 44.0, 12.0


def attacks_section(summary: Summary) -> Section:
    """Empty where no attack was evaluated."""
    return Section(
        "attacks",
        "Accuracy under attacks",
        "An attack changes each test image to mislead the network that sees it: it follows the gradient of that very "
        "network (white-box), and moves no pixel by more than epsilon, a share of the pixels' range. The exported file "
        "is then given these images. At 0 are the clean images; bands are 95 % intervals over seeds and test samples.",
        tuple(image for index, pair in enumerate(summary.pairs) for image in _plots(summary, pair, index)),
        (attacks_table(summary), gains_table(summary)),
    )


def _columns(summary: Summary) -> tuple[float, ...]:
    return tuple(sorted({epsilon for row in summary.attacks for epsilon in row.top1}))


def attacks_table(summary: Summary) -> Table:
    """One line per attack and row, a column per epsilon."""
    reach = _columns(summary)
    columns = (
        Column("Model and loss", numeric=False),
        Column("Attack", numeric=False),
        *(Column(f"{epsilon:g}" if epsilon else "Clean", "% of test") for epsilon in reach),
    )
    rows = tuple(
        (
            model_cell(summary, row),
            Cell(row.attack),
            *(estimate_cell(row.top1.get(epsilon), f.percent, f.percent_interval) for epsilon in reach),
        )
        for row in summary.attacks
    )
    note = "Top-1 by epsilon, mean over seeds with its 95 % interval."
    return Table("attacks", "Top-1 under attacks", columns, rows, (note,))


def gains_table(summary: Summary) -> Table:
    """The same, minus the student alone under the same way of teaching."""
    reach = _columns(summary)[1:]
    columns = (
        Column("Model and loss", numeric=False),
        Column("Attack", numeric=False),
        *(Column(f"{epsilon:g}", "points") for epsilon in reach),
    )
    rows = tuple(
        (
            model_cell(summary, row),
            Cell(row.attack),
            *(gain_cell(row.against_alone.get(epsilon)) for epsilon in reach),
        )
        for row in summary.attacks
        if row.against_alone
    )
    note = (
        "Minus the student alone that was trained under the same conditions, paired by seed and test sample, with its "
        "95 % interval. Each network is attacked by itself, so the two see different images."
    )
    return Table("attacks-gain", "Against the student alone, under attacks", columns, rows, (note,), folded=True)


def _plots(summary: Summary, pair: PairSummary, index: int) -> Iterator[Image]:
    """One for each kind of attack."""
    style, rows = looks(summary), [row for row in summary.attacks if row.pair == pair.pair]
    for number, attack in enumerate(dict.fromkeys(row.attack for row in rows)):
        lines = [(row, TEACHER if row.role == "teacher" else style[row.row]) for row in rows if row.attack == attack]
        title = f"Top-1 of {pair.pair} under {attack} by epsilon"
        height = max(280.0, TOP + BOTTOM + LABEL_LINE * (len(lines) + 1))
        yield draw(f"attacks-{index}-{number}", title, WIDTH, height, partial(_paint, lines=lines))


def _paint(drawing: Drawing, lines: list[tuple[AttackRow, Look]]) -> None:
    axes = drawing.axes(LEFT, RIGHT, BOTTOM, TOP)
    ends = []
    for row, look in lines:
        name = "teacher" if row.role == "teacher" else row.row
        reach, found = list(row.top1), list(row.top1.values())
        means = [100 * each.mean for each in found]
        low = [100 * (each.interval.low if each.interval else each.mean) for each in found]
        high = [100 * (each.interval.high if each.interval else each.mean) for each in found]
        axes.fill_between(reach, low, high, color=look.color, alpha=0.13, linewidth=0)
        (line,) = axes.plot(
            reach,
            means,
            look.marker + "-",
            color=look.color,
            linewidth=1.7,
            dashes=look.dash or (None, None),
            markersize=0.65 * look.size,
            markerfacecolor="none" if look.hollow else look.color,
        )
        drawing.tip(line, f"{name}: {f.percent(found[-1].mean)} at {reach[-1]:g}, {f.percent(found[0].mean)} clean")
        ends.append((reach[-1], means[-1], name, look.color))
    axes.set(xlabel="Epsilon (share of the pixels' range)", ylabel="Test top-1 (%)", ylim=(0, 102), xlim=(0, None))
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    label_ends(drawing, axes, ends)
