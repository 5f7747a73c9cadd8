"""Calibration of each model, drawn and in figures, and its agreement with its teacher."""

from collections.abc import Sequence
from dataclasses import replace

from kdbench.analyze import ModelRow, PairSummary, Summary
from kdbench.analyze.models.calibration import ReliabilityBin
from kdbench.report.writing import formats as f
from kdbench.report.writing.drawing import GRID, MUTED, Drawing, Image, draw
from kdbench.report.writing.looks import TEACHER, Look, looks
from kdbench.report.writing.section import Section
from kdbench.report.writing.series import label_ends, mark, middle, size_beside, trace
from kdbench.report.writing.tables import Cell, Column, Table, estimate_cell, model_cell

WIDTH, LEFT, RIGHT, BOTTOM, TOP = 520.0, 54.0, 128.0, 44.0, 12.0
FEWEST = 20  # samples in a bin: of fewer, accuracy is mostly chance
HELP = (
    "Confidence is the largest probability that a model predicts. Test samples are sorted into bins by it, and each "
    "point is a bin: how often the model is right there, against how sure it is. On the diagonal it is right as often "
    "as it says. Below the diagonal it is too sure of itself, above it not sure enough. Each bin has the samples of "
    f"all seeds; bins of under {FEWEST} samples are left out."
)
TERMS = (
    (
        "NLL",
        "Negative log likelihood of the labels, in nats: the mean of -ln of the probability of the right class.",
    ),
    ("Brier score", "Squared distance of the predicted probabilities from the label's, summed over classes: 0 to 2."),
    ("ECE", "Expected calibration error: the mean gap between accuracy and confidence over 15 bins of confidence."),
    (
        "Agreement",
        "The share of test samples on which student and teacher predict the same class. It is not accuracy: a student "
        "that is right where its teacher is wrong agrees less.",
    ),
)
Line = tuple[str, Sequence[ReliabilityBin], Look]


def calibration_section(summary: Summary) -> Section:
    """Calibration on the test split, and agreement there."""
    images = (plot_calibration(summary, pair, index) for index, pair in enumerate(summary.pairs))
    return Section(
        "calibration",
        "Calibration and agreement",
        "Whether a model is right as often as its confidence states, and how often a student says what its teacher "
        "says. Figures are of the exported models: means over seeds, with 95 % Student-t intervals.",
        tuple(image for image in images if image),
        (calibration_table(summary),),
        TERMS,
    )


def calibration_table(summary: Summary) -> Table:
    """One row per model and loss."""
    columns = (
        Column("Model and loss", numeric=False),
        Column("NLL", "nats", "negative log likelihood of the labels, mean over samples; lower is better", least=True),
        Column(
            "Brier", "0 to 2", "squared distance of the probabilities from the label's, summed over classes", least=True
        ),
        Column(
            "ECE", "points", "expected calibration error: mean gap of accuracy and confidence over 15 bins", least=True
        ),
        Column("Agreement", "% of test", "samples on which student and teacher predict the same class"),
        Column("KL to the teacher", "nats", "KL(teacher || student), mean over samples", least=True),
    )
    rows = tuple(_row(summary, row) for row in summary.models)
    return Table("calibration", "Calibration and agreement in figures", columns, rows)


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
    style = looks(summary, pair)
    lines: list[Line] = []
    for row in pair.models:
        bins = [each for each in row.calibration.bins if each.samples >= FEWEST]
        named, look = ("teacher", TEACHER) if row.role == "teacher" else (row.row, style[row.row])
        if bins:
            lines.append((named, bins, look))
    if not lines:
        return None
    front = [name for name, _, look in lines if not look.quiet]
    width, height = size_beside(front, WIDTH, 310.0, TOP + BOTTOM)
    title = f"Reliability of {pair.pair}: accuracy on test by confidence"
    return draw(f"reliability-{index}", title, width, height, lambda drawing: _paint(drawing, lines), HELP)


def _paint(drawing: Drawing, lines: Sequence[Line]) -> None:
    axes = drawing.axes(LEFT, RIGHT + drawing.width - WIDTH, BOTTOM, TOP)
    low = min(middle([min(each.confidence, each.accuracy) for _, bins, _ in lines for each in bins]))
    start = max(0.0, 100 * low - 4)
    axes.set(xlim=(start, 101), ylim=(start, 102))
    axes.plot([start, 100], [start, 100], color=MUTED, linewidth=1, zorder=0)
    for name, bins, look in lines:
        xs, ys = [100 * each.confidence for each in bins], [100 * each.accuracy for each in bins]
        trace(drawing, axes, xs, ys, look, name, width=1.3)
        if look.quiet:
            continue
        small = replace(look, size=0.7 * look.size)
        for x, y, each in zip(xs, ys, bins, strict=True):
            told = f"{f.percent(each.accuracy)} right at {f.percent(each.confidence)} confidence"
            mark(drawing, axes, x, y, small, f"{name}: {told}, {each.samples:,} samples")
    axes.set(xlabel="Confidence (%)", ylabel="Accuracy (% of the bin)")
    axes.grid(axis="both", color=GRID, linewidth=0.8)
    label_ends(
        drawing,
        axes,
        [(100 * bins[-1].confidence, 100 * bins[-1].accuracy, name, look) for name, bins, look in lines],
    )
