"""Which losses beat plain distillation, which tie with it, and which lose."""

from kdbench.analyze import Summary
from kdbench.analyze.models.against_kd import AgainstKd, Standing, against_kd, kd_label
from kdbench.report.writing import formats as f
from kdbench.report.writing.section import Section
from kdbench.report.writing.tables import Cell, Column, Table, gain_cell, row_cell
from kdbench.statistics.paired import EQUIVALENCE

WORDS: dict[Standing, str] = {"beats": "beats it", "ties": "ties", "loses": "loses", "open": "undecided"}
LONG = 40  # rows: a longer table opens at a click


def against_kd_section(summary: Summary) -> Section:
    """Empty where no pair has plain distillation and another loss."""
    label = kd_label(summary.suite)
    rows = tuple(row for pair in summary.pairs for row in against_kd(pair, summary.suite))
    return Section(
        "rival",
        "Against plain distillation",
        f"Every loss minus '{label}', paired by seed. {_in_short(summary, rows)}",
        (),
        (against_kd_table(summary, rows),),
    )


def against_kd_table(summary: Summary, rows: tuple[AgainstKd, ...]) -> Table:
    """One row per loss and pair, best first."""
    columns = (
        Column("Loss", numeric=False),
        Column("Difference", "points", "test top-1 minus plain distillation's, paired by seed, with its 95 % interval"),
        Column("Paired t", "p", "two-sided, against no difference; for this comparison alone"),
        Column("Holm", "p", "adjusted for all losses of the pair"),
        Column("Seeds", "shared"),
        Column("Standing", numeric=False),
    )
    cells = tuple(
        (
            row_cell(summary, row.student),
            gain_cell(row.difference),
            Cell(f.p_value(row.difference.p_value), sort=row.difference.p_value),
            Cell(f.p_value(row.holm_p), sort=row.holm_p),
            Cell(str(len(row.difference.seeds)), sort=len(row.difference.seeds)),
            Cell(WORDS[row.standing]),
        )
        for row in rows
    )
    note = (
        "The standing follows from the row's own 95 % interval: it lies above 0, below 0, within "
        f"±{100 * EQUIVALENCE:g} points, or none of these. Of 20 losses that are exactly as good, one is expected to "
        "beat or lose by chance; Holm's p accounts for all losses of the pair."
    )
    return Table("rival", "Each loss against plain distillation", columns, cells, (note,), folded=len(cells) > LONG)


def _in_short(summary: Summary, rows: tuple[AgainstKd, ...]) -> str:
    """How many of each standing, pair by pair."""
    parts = []
    for pair in summary.pairs:
        mine = [row for row in rows if row.student.pair == pair.pair]
        counts = {standing: sum(row.standing == standing for row in mine) for standing in WORDS}
        sure = sum(row.standing == "beats" and row.holm_p is not None and row.holm_p < 0.05 for row in mine)
        if mine:
            holds = f" ({sure} of them by Holm's p too)" if counts["beats"] else ""
            parts.append(
                f"{pair.pair}: {counts['beats']} beat it{holds}, {counts['ties']} tie, {counts['loses']} lose, "
                f"{counts['open']} are undecided."
            )
    return " ".join(parts)
