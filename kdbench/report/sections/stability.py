"""How much test top-1 varies over the seeds of each row."""

from kdbench.analyze import ModelRow, PairSummary, Summary
from kdbench.report.writing import formats as f
from kdbench.report.writing.section import Section
from kdbench.report.writing.tables import Cell, Column, Table, model_cell
from kdbench.statistics.spread import COLLAPSED_SHARE

BROWN_FORSYTHE = (
    "Brown-Forsythe test",
    "Whether the losses of a pair differ in spread over seeds. It assumes independent seeds, though losses share them, "
    "and has little power with few seeds.",
)


def stability_section(summary: Summary) -> Section:
    """The spread of test top-1 over seeds."""
    return Section(
        "stability",
        "Stability across seeds",
        "A loss that is good on average may still fail with some seeds. Few seeds estimate a spread only roughly, "
        "which the interval of the SD shows.",
        tables=(stability_table(summary),),
        terms=(BROWN_FORSYTHE,),
    )


def stability_table(summary: Summary) -> Table:
    """One row per model and loss."""
    columns = (
        Column("Model and loss", numeric=False),
        Column("Mean", "% of test"),
        Column("SD", "points", "over seeds, with its 95 % chi-square interval", least=True),
        Column("Quartiles", "points", "interquartile range: the 75th less the 25th percentile", least=True),
        Column("CV", "%", "coefficient of variation: SD over mean", least=True),
        Column("Worst seed", "% of test"),
        Column("Range", "points", "best less worst seed", least=True),
        Column(
            "Collapsed",
            "seeds",
            f"at most {100 * COLLAPSED_SHARE:g} % of the way from chance to the best seed: hardly anything learned; "
            "below, the exact 95 % interval of their share",
            least=True,
        ),
    )
    rows = tuple(_row(summary, row) for row in summary.models)
    notes = tuple(note for pair in summary.pairs if (note := _spread_note(pair)))
    return Table("stability", "Test top-1 over seeds", columns, rows, notes)


def _row(summary: Summary, row: ModelRow) -> tuple[Cell, ...]:
    found, seeds = row.stability, len(row.seeds)
    collapsed = f.NONE if found.collapsed is None else f"{found.collapsed} of {seeds}"
    return (
        model_cell(summary, row),
        Cell(f.percent(found.mean), sort=found.mean),
        Cell(f.spread(found.sd), f.percent_interval(found.sd_interval), found.sd),
        Cell(f.spread(found.iqr), sort=found.iqr),
        Cell(f.NONE if found.cv is None else f"{100 * found.cv:.2f}", sort=found.cv),
        Cell(f.percent(found.worst), sort=found.worst),
        Cell(f.spread(found.range), sort=found.range),
        Cell(
            collapsed,
            f"{f.whole_percent_interval(found.collapsed_interval)} %" if found.collapsed else "",
            found.collapsed,
            tag="worse" if found.collapsed else "",
        ),
    )


def _spread_note(pair: PairSummary) -> str:
    if pair.spread_test is None:
        return ""
    big_f, p = pair.spread_test
    said = "the losses differ in spread" if p < 0.05 else "no difference in spread is shown"
    return f"{pair.pair}: Brown-Forsythe over all losses gives F {f.number(big_f)}, p {f.p_value(p)}: {said}."
