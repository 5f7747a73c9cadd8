"""Federations: accuracy by round and by heterogeneity, and by the bytes that leave the clients."""

from collections.abc import Iterator

from kdbench.analyze import Summary
from kdbench.analyze.teaching.federated import FederatedRow
from kdbench.report.writing import formats as f
from kdbench.report.writing.drawing import Image
from kdbench.report.writing.lines import ALONE, Line, look_of, plot_lines
from kdbench.report.writing.section import Section
from kdbench.report.writing.tables import Cell, Column, Table, estimate_cell, gain_cell

KIB = 1024


HELP = "How accurate the server's student is, without any client's samples leaving it."
BY_ALPHA = f"{HELP} In dashes is the same student, trained on all samples in one place."
TERMS = (
    (
        "Federation",
        "Clients train on samples of their own, which never leave them. In FedAvg and FedDF every client sends its "
        "weights after each round, in FedMD its logits of the server's samples. Bytes are those of float32 values that "
        "leave the clients; as many go back to them, and the statistics of batch norm are not counted.",
    ),
    (
        "alpha",
        "How much the clients of a federation differ: the smaller, the fewer classes each one has.",
    ),
)


def federated_section(summary: Summary) -> Section:
    """Empty for suites without federations."""
    return Section(
        "federated",
        "Federations",
        "Clients train on samples of their own, which never leave them: how accurate the server's student becomes, and "
        "what has to be sent for it.",
        tuple(_images(summary)),
        (federated_table(summary),),
        TERMS,
    )


def _images(summary: Summary) -> Iterator[Image]:
    for number, pair in enumerate(dict.fromkeys(row.by_round.pair for row in summary.federated)):
        rows = [row for row in summary.federated if row.by_round.pair == pair]
        alphas = sorted({row.alpha for row in rows})
        title = f"{pair}: test top-1 by alpha"
        plots = [plot_lines(f"federated-{number}", title, _by_alpha(summary, rows), "alpha", BY_ALPHA)]
        for place, alpha in enumerate(alphas):
            same, name = [row for row in rows if row.alpha == alpha], f"federated-{number}-{place}"
            title = f"{pair}: test top-1 by round, at alpha = {alpha:g}"
            plots.append(plot_lines(f"{name}-round", title, _by_round(same), "Round", HELP))
            title = f"{pair}: test top-1 by what left all clients, at alpha = {alpha:g}"
            plots.append(plot_lines(f"{name}-bytes", title, _by_bytes(same), "KiB sent by all clients together", HELP))
        yield from (plot for plot in plots if plot)


def _by_alpha(summary: Summary, rows: list[FederatedRow]) -> list[Line]:
    """The last round of each method, beside the student that was trained in one place."""
    methods = dict.fromkeys(row.method for row in rows)
    lines = [
        Line(
            method,
            look_of(number),
            tuple((row.alpha, row.by_round.student.top1) for row in rows if row.method == method),
        )
        for number, method in enumerate(methods)
    ]
    central = next((pair.alone for pair in summary.pairs if pair.pair == rows[0].by_round.pair), None)
    points = tuple((alpha, central.top1) for alpha in dict.fromkeys(row.alpha for row in rows)) if central else ()
    return [*lines, Line("all samples in one place", ALONE, points)] if points else lines


def _by_round(rows: list[FederatedRow]) -> list[Line]:
    return [
        Line(
            row.method,
            look_of(number),
            tuple((at, found.top1) for at, found in row.by_round.stages.items() if found.top1),
        )
        for number, row in enumerate(rows)
    ]


def _by_bytes(rows: list[FederatedRow]) -> list[Line]:
    return [
        Line(
            row.method,
            look_of(number),
            tuple(
                (_rounded(row.sent_by(at) / KIB), found.top1) for at, found in row.by_round.stages.items() if found.top1
            ),
        )
        for number, row in enumerate(rows)
    ]


def _rounded(value: float) -> float:
    """To three digits, and from 100 on to whole numbers."""
    return round(value) if value >= 100 else float(f"{value:.3g}")


def federated_table(summary: Summary) -> Table:
    """One line for each federation."""
    columns = (
        Column("Row", numeric=False),
        Column("Method", numeric=False),
        Column("alpha"),
        Column("Leaves a client", "in each round", numeric=False),
        Column(
            "Sent",
            "by all clients",
            "bytes of float32 values over all rounds; by one client in one round below",
            least=True,
        ),
        Column("First round", "% of test", "top-1 after it, with its 95 % interval"),
        Column("Last round", "% of test", "top-1 after it, with its 95 % interval"),
        Column("Against one place", "points", "minus the same student trained on all samples in one place"),
        Column("Seeds"),
    )
    rows = tuple(_row(summary, row) for row in summary.federated)
    return Table("federated", "Federations", columns, rows)


def _row(summary: Summary, row: FederatedRow) -> tuple[Cell, ...]:
    student, stages = row.by_round.student, row.by_round.stages
    sent, seeds = row.sent_by(max(stages)), len(student.seeds)
    return (
        Cell(student.row, row.by_round.pair if len(summary.pairs) > 1 else ""),
        Cell(row.method, f"{row.clients} clients, {max(stages)} rounds"),
        Cell(f"{row.alpha:g}", sort=row.alpha),
        Cell(row.sends),
        Cell(f.byte_size(sent), f.byte_size(row.bytes_sent), sent),
        estimate_cell(stages[min(stages)].top1, f.percent, f.percent_interval),
        estimate_cell(student.top1, f.percent, f.percent_interval),
        gain_cell(row.against_central),
        Cell(str(seeds), sort=seeds),
    )
