"""What training took: accuracy against the cost of each loss, drawn and in figures, with and without the cache."""

from dataclasses import replace

from matplotlib.axes import Axes

from kdbench.analyze import ModelRow, PairSummary, StudentRow, Summary
from kdbench.analyze.decisions.wording import EQUAL
from kdbench.report.writing import formats as f
from kdbench.report.writing.drawing import GRID, Drawing, Image, draw
from kdbench.report.writing.section import Section
from kdbench.report.writing.series import LABEL_LINE, Look, label_ends, limit, looks, mark, on_scale
from kdbench.report.writing.tables import Cell, Column, Table, gain_cell

WIDTH, LEFT, RIGHT, BOTTOM, TOP = 520.0, 62.0, 128.0, 44.0, 12.0
Curve = list[tuple[float, StudentRow]]  # relative cost


def cost_section(summary: Summary) -> Section:
    """Training cost beside gain, drawn and in figures."""
    images = (plot_cost(summary, pair, index) for index, pair in enumerate(summary.pairs))
    return Section(
        "costs",
        "Training cost",
        _remark(summary),
        tuple(image for image in images if image),
        (cost_table(summary), energy_table(summary)),
    )


def _remark(summary: Summary) -> str:
    """How to read the plot: a loss under the curve of the student alone costs more than it gains."""
    text = (
        "Test top-1 against the cost of training each student alone; vertical lines are 95 % intervals, and an arrow "
        "at the edge marks a mean outside the plot. "
    )
    if not any("cost" in row.gains for row in summary.students):
        return text + (
            "The student alone was trained for one number of epochs only: what it would reach at the cost of a loss is "
            "not known."
        )
    return text + (
        "The curve of the student alone joins its budgets. A loss above the curve gains more than longer training of "
        "the same cost does; one below it gains less."
    )


def cost_table(summary: Summary) -> Table:
    """Every model with its training cost; losses ranked within their pair."""
    columns = (
        Column("Model and loss", numeric=False),
        Column("Rank", "by cost alone", "1 is the loss of its pair that is cheapest to train alone", least=True),
        Column("Gain", "points", "test top-1 over the student alone, at equal cost where that one has several budgets"),
        Column(
            "Relative cost",
            "of the student alone",
            "cost alone, over that of the student under labels alone",
            least=True,
        ),
        Column("Cost alone", "uncached", "own steps and evaluation, all of the data, and a live teacher", least=True),
        Column(
            "Cost here",
            "shared, cached",
            "own steps and evaluation, and its share of the data and of the teacher",
            least=True,
        ),
        Column(
            "Own step", "ms", "forward, loss, backward and update of this model; below, all of its steps", least=True
        ),
        Column(
            "Teacher",
            "ms a step",
            "its forward pass (live) or reading its outputs from the cache; below, the time of a forward pass",
        ),
        Column(
            "Data",
            "per pass",
            "making batches, shared by the pass; below, evaluation of this model on validation",
            least=True,
        ),
        Column("Throughput", "samples/s", "through own steps alone"),
        Column("Peak memory", "per process", least=True),
        Column("Processes × threads", "", "that trained at the same time, and threads of each; below, the device"),
    )
    rows = tuple(_row(row) for row in summary.models)
    return Table("costs", "Training cost", columns, rows, _notes(summary))


def energy_table(summary: Summary) -> Table:
    """Energy of training; without rows where no counter was read."""
    columns = (
        Column("Model and loss", numeric=False),
        Column("Energy", "J", "net of the power at rest; of a pass, divided by the models trained in it", least=True),
    )
    found = [(row, row.training.joules) for row in summary.models if row.training.joules is not None]
    rows = tuple(
        (
            Cell(f"{row.model}: {row.row if row.role == 'student' else 'teacher'}", row.pair),
            Cell(f.count(joules), sort=joules),
        )
        for row, joules in found
    )
    return Table("training-energy", "Energy of training", columns, rows)


def _row(row: ModelRow) -> tuple[Cell, ...]:
    cost = row.training
    student = row if isinstance(row, StudentRow) else None
    relative = student.relative_cost if student else None
    return (
        Cell(f"{row.model}: {row.row if student else 'teacher'}", row.pair),
        Cell(str(student.cost_rank), sort=student.cost_rank) if student else Cell(f.NONE),
        gain_cell(student.gain if student else None),
        Cell(f.times(relative), sort=relative),
        Cell(f.seconds(cost.alone_seconds), sort=cost.alone_seconds),
        Cell(f.seconds(cost.shared_seconds), f"pass of {f.several(cost.cohort, 'model')}", cost.shared_seconds),
        Cell(f"{cost.step_milliseconds:.2f}", f"{f.seconds(cost.step_seconds)} in all", cost.step_milliseconds),
        _teacher(row),
        Cell(f.seconds(cost.data_seconds), f"evaluation {f.seconds(cost.evaluation_seconds)}", cost.data_seconds),
        Cell(f.count(cost.samples_per_second and round(cost.samples_per_second)), sort=cost.samples_per_second),
        Cell(f.byte_size(cost.peak_memory_bytes), sort=cost.peak_memory_bytes),
        Cell(", ".join(f"{processes} × {threads}" for processes, threads in cost.layouts), cost.device),
    )


def _teacher(row: ModelRow) -> Cell:
    """'live 4.50' and for how many models; or 'cached 0.30' and the time of a forward pass."""
    cost = row.training
    if cost.teacher == "none":
        return Cell("none", sort=0.0)
    below = f"live {cost.teacher_milliseconds_alone:.2f}"
    if cost.teacher == "live":
        below = f"for {f.several(cost.teacher_shared_by, 'model')}"
    return Cell(f"{cost.teacher} {cost.teacher_milliseconds:.2f}", below, cost.teacher_milliseconds)


def _notes(summary: Summary) -> tuple[str, ...]:
    train = summary.suite.train
    notes = [
        "Cost alone is the time to train a model by itself, without a cache. Cost here is the time it took: what the "
        "models of a pass share is divided by their number, and the model that filled the cache bears that cost.",
        "Rank and relative cost compare cost alone among the losses of a pair. They do not include the training of the "
        "teacher, which has a row of its own.",
    ]
    if summary.steps:
        names = ", ".join(dict.fromkeys(row.row for row in summary.steps))
        notes.append(f"The costs of {names} are those of the last trial alone: the steps before it are not in them.")
    if any(_differ(pair) for pair in summary.pairs):
        notes.append(
            "Not all losses of a pair were trained on the same device with the same processes × threads: their seconds "
            "cannot be compared."
        )
    if reasons := dict.fromkeys(row.training.no_joules for row in summary.models if row.training.no_joules):
        notes.append(f"No energy of training: {'; '.join(filter(None, reasons))}.")
    if train.precision != "float32":
        notes.append(f"Students computed their forward pass in {train.precision}, so their steps took less time.")
    return tuple(notes)


def _differ(pair: PairSummary) -> bool:
    return len({(row.training.device, row.training.layouts) for row in pair.students}) > 1


def plot_cost(summary: Summary, pair: PairSummary, index: int) -> Image | None:
    """Test top-1 by cost alone over that of the student alone, a curve for each row's budgets; None without gains."""
    curves = _curves(pair)
    if not any(row.headline for row in pair.students) or not curves:
        return None
    height = max(300.0, TOP + BOTTOM + LABEL_LINE * (len(curves) + 1))
    title = f"Accuracy of {pair.pair} against the cost of training"
    return draw(f"cost-{index}", title, WIDTH, height, lambda drawing: _paint(drawing, curves, looks(summary)))


def _curves(pair: PairSummary) -> list[Curve]:
    """The rows of each loss, way of teaching and kind at all budgets, by rising cost."""
    found: dict[tuple[str, str, bool], Curve] = {}
    for row in pair.students:
        if row.relative_cost is not None:
            found.setdefault((row.loss, row.teaching, row.tuned), []).append((row.relative_cost, row))
    return [sorted(curve, key=lambda point: point[0]) for curve in found.values()]


def _paint(drawing: Drawing, curves: list[Curve], style: dict[str, Look]) -> None:
    axes = drawing.axes(LEFT, RIGHT, BOTTOM, TOP)
    points = [point for curve in curves for point in curve]
    shown = on_scale([row.top1 for _, row in points])
    ends = [100 * end for each in shown if each.interval for end in (each.interval.low, each.interval.high)]
    limit(axes, "y", [100 * each.mean for each in shown], ends)
    axes.set_xscale("log")
    axes.set_xlim(min(cost for cost, _ in points) / 1.15, max(cost for cost, _ in points) * 1.15)
    for curve in curves:
        look = style[curve[0][1].row]
        line = [(cost, 100 * row.top1.mean) for cost, row in curve]
        axes.plot(*zip(*line, strict=True), color=look.color, linewidth=1.4)
        for cost, row in curve:
            _mark_row(drawing, axes, cost, row, look)
    axes.set(xlabel="Cost of training it alone, over that of the student alone", ylabel="Test top-1 (%)")
    _ticks(axes)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    label_ends(drawing, axes, [_label(axes, curve, style) for curve in curves])


def _label(axes: Axes, curve: Curve, style: dict[str, Look]) -> tuple[float, float, str, str]:
    """The end of a curve, with the name of its shortest training."""
    cost, row = curve[-1]
    name = curve[0][1].row
    return cost, _within(axes, row), name, style[name].color


def _within(axes: Axes, row: StudentRow) -> float:
    """A mean in percent, at the edge where it is off the scale."""
    low, high = axes.get_ylim()
    return min(max(100 * row.top1.mean, low), high)


def _ticks(axes: Axes) -> None:
    """At round multiples within the axis."""
    low, high = axes.get_xlim()
    at = [tick for tick in (0.25, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32) if low <= tick <= high]
    axes.set_xticks(at, [f"{tick:g}\N{MULTIPLICATION SIGN}" for tick in at])
    axes.minorticks_off()


def _mark_row(drawing: Drawing, axes: Axes, cost: float, row: StudentRow, look: Look) -> None:
    interval = row.top1.interval
    if interval:
        axes.plot([cost, cost], [100 * interval.low, 100 * interval.high], color=look.color, linewidth=1.2)
    gain = row.headline
    gained = f", gain {f.points(gain.difference.estimate.mean)} points at {EQUAL[gain.equal]}" if gain else ""
    tip = f"{row.row}: {f.percent(row.top1.mean)} at {f.times(cost)} the cost{gained}"
    y = _within(axes, row)
    if y != 100 * row.top1.mean:
        look = replace(look, marker="v" if y > 100 * row.top1.mean else "^", size=6.5)
    mark(axes, cost, y, look, drawing, tip)
