"""Direct teaching against teaching through assistants, by how far the teacher is from the student."""

from kdbench.analyze import StudentRow, Summary
from kdbench.analyze.teaching.assistants import AssistedRow
from kdbench.report.writing import formats as f
from kdbench.report.writing.lines import ALONE, Line, look_of, plot_lines
from kdbench.report.writing.section import Section
from kdbench.report.writing.tables import Cell, Column, Table, estimate_cell, gain_cell

HELP = (
    "Further right the teacher is larger, and so harder to follow. Where the line through assistants is above the "
    "direct one, a network of a size in between pays."
)


def assistants_section(summary: Summary) -> Section:
    """Empty for suites without assistants."""
    plot = plot_lines(
        "assistants",
        "Test top-1 of students by how many times as large their teachers are",
        _lines(summary),
        "Teacher's parameters over the student's",
        HELP,
    )
    return Section(
        "assistants",
        "Through assistants",
        "A network of a size in between learns from the teacher, and teaches the student. The capacity gap is how many "
        "times as many parameters the teacher has as the student. Each student is compared with the one that the same "
        "teacher teaches directly, under the same loss and for as many epochs; the training of the assistants comes on "
        "top.",
        (plot,) if plot else (),
        (assistants_table(summary),),
    )


def assistants_table(summary: Summary) -> Table:
    """One line for each pair, loss and way through assistants, by rising gap."""
    columns = (
        Column("Pair", numeric=False),
        Column("Loss", numeric=False),
        Column("Gap", "parameters", "the teacher's over the student's"),
        Column("Teacher", "% of test", "top-1"),
        Column("Direct", "% of test", "top-1 of the student without assistants, with its 95 % interval"),
        Column("Assisted", "% of test", "top-1 of the student with assistants, with its 95 % interval"),
        Column("Gain", "points", "assisted minus direct, paired by seed and test sample, with its 95 % interval"),
        Column("Seeds"),
    )
    rows = tuple(_row(each) for each in sorted(summary.assisted, key=lambda each: each.gap))
    return Table("assistants", "Direct against through assistants", columns, rows)


def _row(each: AssistedRow) -> tuple[Cell, ...]:
    seeds = len(each.gain.seeds) if each.gain else 0
    return (
        Cell(each.direct.pair),
        Cell(each.assisted.row),
        Cell(f.times(each.gap), sort=each.gap),
        estimate_cell(each.teacher.top1, f.percent, f.percent_interval),
        estimate_cell(each.direct.top1, f.percent, f.percent_interval),
        estimate_cell(each.assisted.top1, f.percent, f.percent_interval),
        gain_cell(each.gain),
        Cell(str(seeds), sort=seeds),
    )


def _lines(summary: Summary) -> list[Line]:
    """The student alone, taught directly, and through assistants."""
    gaps = {each.direct.pair: float(f"{each.gap:.3g}") for each in summary.assisted}
    found: dict[str, list[tuple[float, StudentRow]]] = {}
    for pair in summary.pairs:
        if pair.pair in gaps and pair.alone:
            found.setdefault("alone", []).append((gaps[pair.pair], pair.alone))
    for each in summary.assisted:
        for row in (each.direct, each.assisted):
            place = found.setdefault(row.row, [])
            place += [(gaps[row.pair], row)] if row not in [known for _, known in place] else []
    return [
        Line(
            name,
            ALONE if name == "alone" else look_of(number),
            tuple((gap, row.top1) for gap, row in sorted(rows, key=lambda each: each[0])),
        )
        for number, (name, rows) in enumerate(found.items(), start=-1)
    ]
