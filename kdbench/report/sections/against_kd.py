"""Which losses are better than plain distillation, which are equivalent to it, and which are worse."""

from kdbench.analyze import Summary
from kdbench.analyze.models.against_kd import AgainstKd, against_kd, kd_label
from kdbench.report.writing import formats as f
from kdbench.report.writing.section import Section
from kdbench.report.writing.tables import (
    VERDICT_HELP,
    VERDICT_SIGNS,
    Cell,
    Column,
    Table,
    gain_cell,
    row_cell,
    verdict_cell,
)

LONG = 40  # rows: a longer table opens at a click


def against_kd_section(summary: Summary) -> Section:
    """Empty where no pair has plain distillation and another loss."""
    label = kd_label(summary.suite)
    rows = tuple(row for pair in summary.pairs for row in against_kd(pair, summary.suite))
    return Section(
        "rival",
        "Against plain distillation",
        f"Every loss minus '{label}' at equal epochs{_alike(rows)}, paired by seed and test sample. "
        f"{_in_short(summary, rows)}",
        (),
        (against_kd_table(summary, rows),),
    )


def against_kd_table(summary: Summary, rows: tuple[AgainstKd, ...]) -> Table:
    """One row per loss and pair, best first."""
    columns = (
        Column("Loss", numeric=False),
        Column("Difference", "points", "test top-1 minus plain distillation's, paired by seed, with its 95 % interval"),
        Column("Paired t", "p", "two-sided, against no difference; for this comparison alone", least=True),
        Column("Holm", "p", "adjusted for all losses of the pair", least=True),
        Column("Seeds", "shared"),
        Column("Verdict", "of the difference", VERDICT_HELP, numeric=False),
    )
    cells = tuple(
        (
            row_cell(summary, row.student),
            gain_cell(row.difference),
            Cell(f.p_value(row.difference.p_value), sort=row.difference.p_value),
            Cell(f.p_value(row.holm_p), sort=row.holm_p),
            Cell(str(len(row.difference.seeds)), sort=len(row.difference.seeds)),
            verdict_cell(row.verdict, row.difference, row.holm_p),
        )
        for row in rows
    )
    return Table("rival", "Each loss against plain distillation", columns, cells, folded=len(cells) > LONG)


def _alike(rows: tuple[AgainstKd, ...]) -> str:
    return ", tuned rows minus it tuned" if any(row.student.tuned for row in rows) else ""


def _in_short(summary: Summary, rows: tuple[AgainstKd, ...]) -> str:
    """How many of each verdict, pair by pair."""
    parts = []
    for pair in summary.pairs:
        mine = [row.verdict for row in rows if row.student.pair == pair.pair]
        counted = ", ".join(f"{mine.count(word)} {word}" for word in VERDICT_SIGNS if word in mine)
        if mine:
            parts.append(f"{pair.pair}: {counted}.")
    return " ".join(parts)
