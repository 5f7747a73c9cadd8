"""How fast models learn: areas, laws, times to the teacher's accuracy, and samples saved."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from kdbench.analyze import ModelRow, PairSummary, Summary
from kdbench.analyze.models.learning import LearningRow, Target
from kdbench.report.writing import formats as f
from kdbench.report.writing.drawing import GRID, Drawing, Image, draw
from kdbench.report.writing.looks import TEACHER, Look, looks
from kdbench.report.writing.section import Section
from kdbench.report.writing.series import band, label_ends, mark, middle, size_beside, trace
from kdbench.report.writing.tables import Cell, Column, Table, estimate_cell, model_cell, row_cell
from kdbench.statistics.curves import MeanCurve
from kdbench.statistics.laws import POINTS_NEEDED, Fit, Reason
from kdbench.statistics.survival import SHARES, SampleEfficiency

FORMULAS = {"linear": "m x + b", "power law": "a − b x^−c", "exponential": "a − b e^(−c x)"}
WHY: Mapping[Reason, str] = {
    "short": f"with under {POINTS_NEEDED} evaluations of a trained model",
    "correlated": "with errors that last too long for so few evaluations",
    "flat": "where none predicts better than the last value and differs from a constant",
    "scheduled": "that the schedule of the learning rate explains as well",
}
WIDTH, LEFT, RIGHT, BOTTOM, TOP = 520.0, 54.0, 128.0, 44.0, 12.0
EPOCHS = (1, 10, 50, 100)  # after which accuracies are tabulated
HELP = (
    "How accurate each model is on the validation samples after each epoch. A line is the mean over seeds; the shaded "
    "band reaches from the lowest to the highest seed, up to the last epoch that all seeds reached. A line that rises "
    "early learns from few samples; one that still rises at the end would gain from longer training. The vertical axis "
    "shows the later four fifths of the training and does not start at zero. An arrow at the edge is a line that ends "
    "outside the plot, such as that of a teacher which was trained for longer: the arrow is at the height of its end."
)
TERMS = (
    (
        "Curve slope",
        "y = m x + b by least squares over the whole mean curve. Where R² is low a straight line describes it poorly, "
        "and its slope is only a rough figure of how fast accuracy rises.",
    ),
    (
        "Area",
        "Mean height of a learning curve over samples, or over their logarithm, which counts early learning more. "
        "Areas of a pair end at the same number of samples, where the shortest of its students' curves ends.",
    ),
    (
        "Epochs to the teacher's accuracy",
        "Median epochs until validation top-1 first reaches that share of the teacher's own at its deployed epoch "
        "(Kaplan-Meier: a seed that has not reached it is censored). 'not reached': fewer than half of the seeds "
        "reached it. In brackets the median's 95 % interval, from 5 seeds on; 'or more' where it ends beyond the run. "
        "Models are evaluated once an epoch. Few seeds tell little about the share that reaches the target: 3 of 3 is "
        "compatible with any share above 29 % (Clopper-Pearson).",
    ),
    (
        "Sample efficiency",
        "Samples that the student alone needs, divided by those that the distilled one needs, to reach the same share "
        "of the teacher's validation accuracy; geometric mean over seeds of interpolated crossings, with its 95 % "
        "interval. Where evaluations are too far apart for an interval, bounds are given instead ('between'). A seed "
        "has no ratio where either student did not reach the target. 'only distilled' counts seeds where only the "
        "distilled student reached it: their ratio is larger than this run can show.",
    ),
    (
        "Laws of learning curves",
        "A line, a power law and an exponential, fitted to the first 80 % of the mean curve over seeds, without the "
        "untrained point, and judged on the rest. Accuracy is from 0 to 1; parameters have no interval.",
    ),
)
Line = tuple[str, MeanCurve, Look]


def learning_section(summary: Summary) -> Section:
    """Validation accuracy by epochs, drawn and in figures."""
    images = (plot_learning(summary, pair, index) for index, pair in enumerate(summary.pairs))
    return Section(
        "curves",
        "Learning curves",
        "How fast models learn, and how many samples distillation saves.",
        tuple(image for image in images if image),
        (
            curves_table(summary),
            epochs_table(summary),
            reach_table(summary),
            samples_table(summary),
            laws_table(summary),
        ),
        TERMS,
    )


def curves_table(summary: Summary) -> Table:
    """One row per model and loss."""
    columns = (
        Column("Model and loss", numeric=False),
        Column("Curve slope", "points/epoch", "least squares through the mean curve: y = m x + b; below, b and R²"),
        Column("Area", "%", "mean height of each seed's curve over samples, with its 95 % interval"),
        Column("Area, log", "%", "the same over log samples, from the first evaluation on: early learning counts more"),
        Column("Validation", "%", "mean at the deployed epoch"),
        Column("CPU time", "of the pass", "process CPU time of training; below, how many models shared it", least=True),
    )
    rows = tuple(
        _curve_row(summary, row, learned) for row, learned in zip(summary.models, summary.learning, strict=True)
    )
    return Table("curves", "Learning curves in figures", columns, rows, (_laws_line(summary),))


def _curve_row(summary: Summary, row: ModelRow, learned: LearningRow) -> tuple[Cell, ...]:
    cost, line = row.training, row.line
    fit = f"b {100 * line.intercept:.1f} %" if line else ""
    fit += f", R² {line.r_squared:.2f}" if line and line.r_squared is not None else ""
    return (
        model_cell(summary, row),
        Cell(f.points(line.slope) if line else f.NONE, fit, line.slope if line else None),
        estimate_cell(learned.area, f.percent, f.percent_interval),
        estimate_cell(learned.area_log, f.percent, f.percent_interval),
        Cell(f.percent(row.validation.mean), sort=row.validation.mean),
        Cell(f.seconds(cost.cohort_cpu_seconds), f.several(cost.cohort, "model"), cost.cohort_cpu_seconds),
    )


def _laws_line(summary: Summary) -> str:
    """One line for all rows: how many curves follow a law, and why the others do not."""
    fits = [row.fits for row in summary.learning if row.fits]
    named = sum(fit.best is not None for fit in fits)
    start = f"A law is named for {named or 'none'} of {f.several(len(fits), 'mean curve')}"
    why = Counter(fit.reason for fit in fits if fit.reason)
    others = "; ".join(f"none for {count} {WHY[reason]}" for reason, count in why.most_common())
    return f"{start}: {others}." if others else f"{start}."


def _parameters(fit: Fit) -> str:
    return ", ".join(f"{name} {value:.3g}".replace("-", f.MINUS) for name, value in fit.parameters.items())


def epochs_table(summary: Summary) -> Table:
    """Validation accuracy after so many epochs; empty for shorter trainings."""
    rows = [row for row in summary.models if row.curve]
    last = max((row.curve.epochs[-1] for row in rows if row.curve), default=0)
    epochs = [epoch for epoch in EPOCHS if epoch <= last]
    columns = (
        Column("Model and loss", numeric=False),
        *(Column(f"After {epoch}", f"epoch{'s' * (epoch > 1)}, %") for epoch in epochs),
    )
    lines = tuple(
        (model_cell(summary, row), *(_height_cell(row.curve, epoch) for epoch in epochs)) for row in rows if row.curve
    )
    long = last >= EPOCHS[1]
    caption = "Validation top-1 by epochs: mean over seeds, from the lowest to the highest"
    return Table("epochs", caption, columns, lines if long else (), folded=True)


def _height_cell(curve: MeanCurve, epoch: int) -> Cell:
    if epoch not in curve.epochs:
        return Cell(f.NONE)
    at = curve.epochs.index(epoch)
    low, high = curve.low[at], curve.high[at]
    return Cell(f.percent(curve.mean[at]), f"{f.percent(low)} to {f.percent(high)}", curve.mean[at])


def reach_table(summary: Summary) -> Table:
    """Epochs to shares of the teacher's accuracy."""
    columns = (
        Column("Model and loss", numeric=False),
        *(
            Column(f"{100 * share:g} %", "of the teacher's, epochs", "below, how many seeds reached it", least=True)
            for share in SHARES
        ),
    )
    rows = tuple((model_cell(summary, row), *map(_reach_cell, row.targets)) for row in summary.learning if row.targets)
    return Table("reach", "Epochs to the teacher's accuracy", columns, rows)


def _reach_cell(target: Target) -> Cell:
    found = target.reach
    reached = f"{found.reached} of {f.several(found.seeds, 'seed')}"
    if found.median is None:
        return Cell("not reached", reached)
    low, high = found.median_low, found.median_high
    within = "" if low is None else f" ({low:g} to {high:g})" if high is not None else f" ({low:g} or more)"
    return Cell(f"{found.median:g}{within}", reached, found.median)


def samples_table(summary: Summary) -> Table:
    """Samples that the student alone needs, divided by those that the distilled one needs."""
    columns = (
        Column("Loss", numeric=False),
        *(Column(f"To {100 * share:g} %", "ratio of samples", "over 1: fewer are needed") for share in SHARES),
    )
    rows = tuple(
        (row_cell(summary, row), *(_samples_cell(target.efficiency) for target in row.targets))
        for row in summary.learning
        if any(target.efficiency for target in row.targets)
    )
    return Table("samples", "Sample efficiency against the student alone", columns, rows, folded=True)


def _samples_cell(found: SampleEfficiency | None) -> Cell:
    if found is None:
        return Cell(f.NONE)
    below = []
    if found.interval:
        below.append(f.number_interval(found.interval))
    elif found.bounds and len(found.seeds) > 1:
        low, high = found.bounds
        below.append(
            f"between {f.number(low)} and {f.number(high)}" if high is not None else f"{f.number(low)} or more"
        )
    unpaired = ((found.only_distilled, "only distilled"), (found.only_alone, "only alone"), (found.neither, "neither"))
    below += [f"{count} {what}" for count, what in unpaired if count]
    return Cell(f.times(found.mean), ", ".join(below), found.mean)


def laws_table(summary: Summary) -> Table:
    """Every candidate law of the mean curves that follow one."""
    columns = (
        Column("Model and loss", numeric=False),
        Column("Law", "accuracy by epoch x", numeric=False),
        Column("Parameters", numeric=False),
        Column("Error ahead", "points", "root mean square on the held-out last fifth", least=True),
        Column("Constant", "points", "the same error of the last fitted value, kept constant", least=True),
        Column("AICc", "", "on the fitted part; the lowest of those that hold is the law that is named", least=True),
        Column("F-test", "p", "against a constant", least=True),
        Column("Counted as", "evaluations", "of the fitted part, less the serial correlation of their errors"),
        Column("Holds", "", "predicts better than the last value, and the F-test rejects a constant", numeric=False),
    )
    rows = tuple(
        (
            model_cell(summary, row),
            Cell(fit.name, FORMULAS[fit.name]),
            Cell(_parameters(fit)),
            Cell(f.spread(fit.rmse), sort=fit.rmse),
            Cell(f.spread(row.fits.carried_rmse), sort=row.fits.carried_rmse),
            Cell(f"{fit.aicc:.1f}".replace("-", f.MINUS), sort=fit.aicc),
            Cell(f.p_value(fit.p_value), sort=fit.p_value),
            Cell(f"{row.fits.effective:.0f}", sort=row.fits.effective),
            Cell("yes" if fit.holds else "no"),
        )
        for row in summary.learning
        if row.fits and row.fits.best
        for fit in row.fits.candidates
    )
    return Table("laws", "Laws of the mean curves", columns, rows, folded=True)


def plot_learning(summary: Summary, pair: PairSummary, index: int) -> Image | None:
    """Validation top-1 by epoch, a line per loss and the teacher's; None where there are no curves."""
    style = looks(summary, pair)
    rows: list[tuple[str, ModelRow, Look]] = [(row.row, row, style[row.row]) for row in pair.distinct]
    if pair.teacher:
        rows.insert(0, ("teacher", pair.teacher, TEACHER))
    lines: list[Line] = [(name, row.curve, look) for name, row, look in rows if row.curve]
    if not lines:
        return None
    front = [name for name, _, look in lines if not look.quiet]
    width, height = size_beside(front, WIDTH, 310.0, TOP + BOTTOM)
    title = f"Learning curves of {pair.pair}: validation top-1 by epoch"
    return draw(f"curves-{index}", title, width, height, lambda drawing: _paint(drawing, lines), HELP)


def _paint(drawing: Drawing, lines: list[Line]) -> None:
    axes = drawing.axes(LEFT, RIGHT + drawing.width - WIDTH, BOTTOM, TOP)
    students = [curve.epochs[-1] for name, curve, _ in lines if name != TEACHER.series]
    last = round(max(middle(students), default=lines[0][1].epochs[-1]))
    axes.set_xlim(0, max(last, 1))
    axes.set_ylim(*_focus(lines, last))
    for name, curve, look in lines:
        _draw_curve(drawing, axes, name, curve, look)
    axes.set(xlabel="Epoch", ylabel="Validation top-1 (%)")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    label_ends(drawing, axes, [(c.epochs[-1], 100 * c.mean[-1], name, look) for name, c, look in lines])


def _focus(lines: list[Line], last: int) -> tuple[float, float]:
    """Limits in percent that show the later four fifths of the training: the first epochs would flatten the rest."""
    start = math.ceil(last / 5)
    steady = middle([curve.mean[-1] for name, curve, _ in lines if name != TEACHER.series])
    seen = [
        (low, high)
        for name, curve, _ in lines
        if name == TEACHER.series or curve.mean[-1] in steady
        for epoch, low, high in zip(curve.epochs, curve.low, curve.high, strict=True)
        if epoch >= start or len(curve.epochs) == 1
    ]
    low, high = 100 * min(low for low, _ in seen), 100 * max(high for _, high in seen)
    room = max(high - low, 0.5)
    return low - 0.08 * room, min(high + 0.08 * room, max(100.0, high))


def _draw_curve(drawing: Drawing, axes: Axes, name: str, curve: MeanCurve, look: Look) -> None:
    low, mean, high = ([100 * v for v in values] for values in (curve.low, curve.mean, curve.high))
    band(drawing, axes, curve.epochs, low, high, look)
    tip = f"{name}: {f.percent(curve.mean[-1])} at epoch {curve.epochs[-1]}, mean of {curve.seeds}"
    trace(drawing, axes, curve.epochs, mean, look, tip)
    (_, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    if not look.quiet or curve.epochs[-1] > right or not bottom <= mean[-1] <= top:
        mark(drawing, axes, curve.epochs[-1], mean[-1], replace(look, size=0.8 * look.size), tip)
