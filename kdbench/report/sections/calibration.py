"""Calibration of each model, drawn and in figures, and its agreement with its teacher."""

from collections.abc import Sequence

from kdbench.analyze import ModelRow, PairSummary, Summary
from kdbench.analyze.models.calibration import ReliabilityBin
from kdbench.report.writing import formats as f
from kdbench.report.writing.drawing import GRID, MUTED, Drawing, Image, draw
from kdbench.report.writing.section import Section
from kdbench.report.writing.series import LABEL_LINE, TEACHER, Look, label_ends, looks, mark
from kdbench.report.writing.tables import Cell, Column, Table, estimate_cell, model_cell

WIDTH, LEFT, RIGHT, BOTTOM, TOP = 520.0, 54.0, 128.0, 44.0, 12.0
FEWEST = 20  # samples in a bin: of fewer, accuracy is mostly chance
Line = tuple[str, Sequence[ReliabilityBin], Look]


def calibration_section(summary: Summary) -> Section:
    """Calibration on the test split, and agreement there."""
    images = (plot_calibration(summary, pair, index) for index, pair in enumerate(summary.pairs))
    return Section(
        "calibration",
        "Calibration and agreement",
        "Confidence is the largest predicted probability. On the diagonal a model is right as often as its confidence "
        "states; below it the model is overconfident. Points are bins of confidence with the samples of all seeds; "
        f"bins of under {FEWEST} samples are left out.",
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
        f"that is right where its teacher is wrong agrees less. {f.NONE}: trained without a teacher."
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


def plot_calibration(summary: Summary, pair: PairSummary, index: int) -> Image | None:
    """Accuracy by bin of confidence, a line per model; None without bins that have enough samples."""
    style = looks(summary)
    lines: list[Line] = []
    for row in pair.models:
        bins = [each for each in row.calibration.bins if each.samples >= FEWEST]
        named, look = ("teacher", TEACHER) if row.role == "teacher" else (row.row, style[row.row])
        if bins:
            lines.append((named, bins, look))
    if not lines:
        return None
    height = max(310.0, TOP + BOTTOM + LABEL_LINE * (len(lines) + 1))
    title = f"Reliability of {pair.pair}: accuracy on test by confidence"
    return draw(f"reliability-{index}", title, WIDTH, height, lambda drawing: _paint(drawing, lines))


def _paint(drawing: Drawing, lines: Sequence[Line]) -> None:
    axes = drawing.axes(LEFT, RIGHT, BOTTOM, TOP)
    low = min(min(each.confidence, each.accuracy) for _, bins, _ in lines for each in bins)
    start = max(0.0, 100 * low - 4)
    axes.set(xlim=(start, 101), ylim=(start, 102))
    axes.plot([start, 100], [start, 100], color=MUTED, linewidth=1, zorder=0)
    for name, bins, look in lines:
        xs, ys = [100 * each.confidence for each in bins], [100 * each.accuracy for each in bins]
        axes.plot(xs, ys, color=look.color, linewidth=1.3, dashes=look.dash or (None, None))
        small = Look(look.color, look.marker, size=0.7 * look.size)
        for x, y, each in zip(xs, ys, bins, strict=True):
            told = f"{f.percent(each.accuracy)} right at {f.percent(each.confidence)} confidence"
            mark(axes, x, y, small, drawing, f"{name}: {told}, {each.samples:,} samples")
    axes.set(xlabel="Confidence (%)", ylabel="Accuracy (% of the bin)")
    axes.grid(axis="both", color=GRID, linewidth=0.8)
    label_ends(
        drawing,
        axes,
        [(100 * bins[-1].confidence, 100 * bins[-1].accuracy, name, look.color) for name, bins, look in lines],
    )
