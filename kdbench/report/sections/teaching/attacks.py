"""Accuracy under attacks: by how far a pixel may move, drawn and in figures."""

from collections.abc import Iterator, Mapping

from kdbench.analyze import PairSummary, Summary
from kdbench.analyze.teaching.attacks import AttackRow
from kdbench.report.writing import formats as f
from kdbench.report.writing.drawing import Image
from kdbench.report.writing.lines import Line, plot_lines
from kdbench.report.writing.looks import TEACHER, Look, looks
from kdbench.report.writing.section import Section
from kdbench.report.writing.tables import Cell, Column, Table, estimate_cell, gain_cell, model_cell

HELP = (
    "Epsilon is how far an attack may move each pixel, as a share of the pixels' range; at 0 are the clean images. A "
    "line that falls later belongs to a model that is harder to mislead."
)
TERMS = (
    (
        "Attack",
        "A change of each test image that misleads the network that sees it: it follows the gradient of that very "
        "network (white-box), and moves no pixel by more than epsilon, a share of the pixels' range. The exported file "
        "is then given these images. Each network is attacked by itself, so two networks see different images.",
    ),
    ("FGSM", "One step along the sign of the gradient (Goodfellow et al. 2015, arXiv:1412.6572)."),
    (
        "PGD",
        "Several such steps, each brought back to within epsilon of the clean image (Madry et al. 2018, "
        "arXiv:1706.06083).",
    ),
)


def attacks_section(summary: Summary) -> Section:
    """Empty where no attack was evaluated."""
    return Section(
        "attacks",
        "Accuracy under attacks",
        "Accuracy on images that were changed to mislead the very network that sees them, by how far a pixel may move.",
        tuple(image for index, pair in enumerate(summary.pairs) for image in _plots(summary, pair, index)),
        (attacks_table(summary), gains_table(summary)),
        TERMS,
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
    return Table("attacks", "Top-1 under attacks, by epsilon", columns, rows)


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
    caption = "Against the student alone that was trained under the same conditions, under attacks"
    return Table("attacks-gain", caption, columns, rows, folded=True)


def _plots(summary: Summary, pair: PairSummary, index: int) -> Iterator[Image]:
    """One for each kind of attack."""
    style, rows = looks(summary, pair), [row for row in summary.attacks if row.pair == pair.pair]
    for number, attack in enumerate(dict.fromkeys(row.attack for row in rows)):
        lines = [_line(row, style) for row in rows if row.attack == attack]
        title = f"Top-1 of {pair.pair} under {attack} by epsilon"
        image = plot_lines(f"attacks-{index}-{number}", title, lines, "Epsilon (share of the pixels' range)", HELP)
        if image:
            yield image


def _line(row: AttackRow, style: Mapping[str, Look]) -> Line:
    teacher = row.role == "teacher"
    return Line("teacher" if teacher else row.row, TEACHER if teacher else style[row.row], tuple(row.top1.items()))
