"""Students that are trained together: each head with its accuracy and its cost, drawn where these differ."""

from collections.abc import Iterator

from kdbench.analyze import PairSummary, Summary
from kdbench.analyze.teaching.together import HeadRow
from kdbench.report.writing import formats as f
from kdbench.report.writing.drawing import Image
from kdbench.report.writing.lines import Line, look_of, plot_lines
from kdbench.report.writing.section import Section
from kdbench.report.writing.tables import Cell, Column, Table, estimate_cell, gain_cell, row_cell

HELP = (
    "Each point is a head that can be deployed: how accurate it is, against what a call of it costs. A higher line "
    "gives more accuracy at the same cost; where a line is flat, its dearer heads are not worth their cost."
)


def together_section(summary: Summary) -> Section:
    """Empty where no students are trained together."""
    return Section(
        "together",
        "Students that are trained together",
        "Several students, or several exits of one, are trained as one network of several heads. Each row deploys one "
        "head, with the layers that this head needs and no others; one training serves all of them. Without a "
        "teacher in their loss, the heads learn from labels alone: that is what the taught ones are compared with.",
        tuple(image for index, pair in enumerate(summary.pairs) for image in _plots(summary, pair, index)),
        (together_table(summary),),
    )


def together_table(summary: Summary) -> Table:
    """One line per head that a row deploys."""
    columns = (
        Column("Loss", numeric=False),
        Column("Head", numeric=False),
        Column("FLOPs", "per sample", least=True),
        Column("Latency", "of one call", "as models are ordered by in this report", least=True),
        Column("Top-1", "% of test", "with its 95 % interval"),
        Column("Against labels alone", "points", "minus the same head that learnt from labels, with its 95 % interval"),
        Column("Against the student alone", "points", "minus the student that was trained for itself, likewise"),
    )
    rows = tuple(
        (
            row_cell(summary, row),
            Cell(row.head),
            Cell(f.count(row.flops), sort=row.flops),
            Cell(f.microseconds(row.microseconds), sort=row.microseconds),
            estimate_cell(row.top1, f.percent, f.percent_interval),
            gain_cell(row.against_labels),
            gain_cell(row.against_alone),
        )
        for row in summary.heads
    )
    return Table("together", "Heads of networks that were trained as one", columns, rows)


def _plots(summary: Summary, pair: PairSummary, index: int) -> Iterator[Image]:
    """Of each kind of network whose heads differ in cost: accuracy by cost, a line per loss."""
    rows = [row for row in summary.heads if row.pair == pair.pair]
    timed = all(row.microseconds for row in rows)
    across = "Latency of one call (\N{MICRO SIGN}s)" if timed else "FLOPs per sample"
    for network in dict.fromkeys(row.network for row in rows):
        mine = [row for row in rows if row.network == network]
        by_loss = {loss: [row for row in mine if row.loss == loss] for loss in dict.fromkeys(row.loss for row in mine)}
        if any(len({row.head for row in heads}) < len(heads) for heads in by_loss.values()):
            continue  # several networks of this kind: a line would join what does not belong together
        lines = [
            Line(loss, look_of(number), tuple((_cost(row, timed), row.top1) for row in heads))
            for number, (loss, heads) in enumerate(by_loss.items())
        ]
        title = f"Top-1 of each head of '{network}' by its cost, {pair.pair}"
        image = plot_lines(f"together-{index}-{network}", title, lines, across, HELP)
        if image:
            yield image


def _cost(row: HeadRow, timed: bool) -> float:
    """To three digits, as axes show it."""
    return float(f"{row.microseconds if timed else row.flops:.3g}")
