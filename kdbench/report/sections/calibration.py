"""Whether a model is right as often as it says, and how far it agrees with its teacher."""

from kdbench.analyze import ModelRow, Summary
from kdbench.report.sections.plot_reliability import plot_reliability
from kdbench.report.writing import formats as f
from kdbench.report.writing.section import Section
from kdbench.report.writing.tables import Cell, Column, Table, estimate_cell, model_cell


def calibration_section(summary: Summary) -> Section:
    """Calibration on the test split, and agreement there."""
    images = (plot_reliability(summary, pair, index) for index, pair in enumerate(summary.pairs))
    return Section(
        "calibration",
        "Calibration and agreement",
        "Whether a model is right as often as its confidence, the largest probability, says: on the diagonal it is, "
        "below it claims too much. Points are bins of confidence with the samples of all seeds; bins of few samples "
        "are left out.",
        tuple(image for image in images if image),
        (calibration_table(summary),),
    )


def calibration_table(summary: Summary) -> Table:
    """One row per model and loss."""
    columns = (
        Column("Model and loss", numeric=False),
        Column("NLL", "nats", "negative log likelihood of the labels, mean over samples; lower is better"),
        Column("Brier", "0 to 2", "squared distance of the probabilities from the label's, summed over classes"),
        Column("ECE", "points", "expected calibration error: mean gap of accuracy and confidence over 15 bins"),
        Column("Agreement", "% of test", "samples on which student and teacher predict the same class"),
        Column("KL to the teacher", "nats", "KL(teacher || student), mean over samples"),
    )
    rows = tuple(_row(summary, row) for row in summary.models)
    note = (
        "Means over seeds with 95 % Student-t intervals, of the exported models. Agreement is not accuracy: a student "
        f"that is right where its teacher errs agrees less. {f.NONE}: trained without a teacher."
    )
    return Table("calibration", "Calibration and agreement in figures", columns, rows, (note,))


def _row(summary: Summary, row: ModelRow) -> tuple[Cell, ...]:
    found, agreed = row.calibration, row.agreement
    return (
        model_cell(summary, row),
        estimate_cell(found.nll, f.thousandths, f.thousandths_interval),
        estimate_cell(found.brier, f.thousandths, f.thousandths_interval),
        estimate_cell(found.ece, f.spread, f.percent_interval),
        estimate_cell(agreed.top1 if agreed else None, f.percent, f.percent_interval),
        estimate_cell(agreed.kl if agreed else None, f.thousandths, f.thousandths_interval),
    )
