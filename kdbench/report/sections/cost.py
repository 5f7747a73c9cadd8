"""What training took: accuracy against the cost of each loss, drawn and in figures, with and without the cache."""

from dataclasses import replace

from matplotlib.axes import Axes

from kdbench.analyze import ModelRow, PairSummary, StudentRow, Summary
from kdbench.analyze.decisions.wording import EQUAL
from kdbench.report.writing import formats as f
from kdbench.report.writing.drawing import GRID, Drawing, Image, draw
from kdbench.report.writing.looks import Look, looks
from kdbench.report.writing.section import Section
from kdbench.report.writing.series import (
    bar,
    interval_ends,
    interval_of,
    label_ends,
    limit,
    mark,
    on_scale,
    size_beside,
    trace,
)
from kdbench.report.writing.tables import Cell, Column, Table, gain_cell

WIDTH, LEFT, RIGHT, BOTTOM, TOP = 520.0, 62.0, 128.0, 44.0, 12.0
Curve = list[tuple[float, StudentRow]]  # relative cost
HELP = (
    "Each mark is a student: how accurate it is, and how much its training cost, where 1 is the student alone. "
    "Vertical lines are 95 % intervals. The curve of the student alone joins its own longer trainings. A loss above "
    "that curve gains more than longer training of the same cost does; one below it gains less, so train longer "
    "instead. An arrow at the edge is a mean that lies outside the plot."
)
TERMS = (
    (
        "Cost alone",
        "The time to train a model by itself, without a cache: its own steps and evaluation, all of the data, and a "
        "teacher that runs on every batch. Rank and relative cost compare it among the losses of a pair.",
    ),
    (
        "Cost here",
        "The time that training took in this run: what the models of a pass share is divided by their number, and the "
        "model that filled the cache bears that cost.",
    ),
    (
        "Training of the teacher",
        "In no cost of a student: it has a row of its own.",
    ),
)


def cost_section(summary: Summary) -> Section:
    """Training cost beside gain, drawn and in figures."""
    images = (plot_cost(summary, pair, index) for index, pair in enumerate(summary.pairs))
    return Section(
        "costs",
        "Training cost",
        _remark(summary),
        tuple(image for image in images if image),
        (cost_table(summary), energy_table(summary)),
        TERMS,
    )


def _remark(summary: Summary) -> str:
    """Whether longer training of the student alone can be compared with distillation."""
    text = "Test top-1 against what the training of each student costs. "
    if any("cost" in row.gains for row in summary.students):
        return text + "A loss pays where it lies above the curve of the student alone, which was trained longer, too."
    return text + (
        "The student alone was trained for one number of epochs only: what it would reach at the cost of a loss is "
        "not known."
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
            least=True,
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
            Cell(f"{row.model}: {row.row if row.role == 'student' else 'teacher'}", row.pair, of=row.name),
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
        Cell(f"{row.model}: {row.row if student else 'teacher'}", row.pair, of=row.name),
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
    notes = []
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
    drawn = [(curve, _look(curve, looks(summary, pair))) for curve in curves]
    front = [curve[0][1].row for curve, look in drawn if not look.quiet]
    width, height = size_beside(front, WIDTH, 300.0, TOP + BOTTOM)
    title = f"Accuracy of {pair.pair} against the cost of training"
    return draw(f"cost-{index}", title, width, height, lambda drawing: _paint(drawing, drawn), HELP)


def _look(curve: Curve, style: dict[str, Look]) -> Look:
    """That of the shortest training, in front where any of the curve is."""
    found = [style[row.row] for _, row in curve]
    return next((look for look in found if not look.quiet), found[0])


def _curves(pair: PairSummary) -> list[Curve]:
    """The rows of each loss, way of teaching and kind at all budgets, by rising cost."""
    found: dict[tuple[str, str, bool], Curve] = {}
    for row in pair.distinct:
        if row.relative_cost is not None:
            found.setdefault((row.loss, row.teaching, row.tuned), []).append((row.relative_cost, row))
    return [sorted(curve, key=lambda point: point[0]) for curve in found.values()]


def _paint(drawing: Drawing, drawn: list[tuple[Curve, Look]]) -> None:
    axes = drawing.axes(LEFT, RIGHT + drawing.width - WIDTH, BOTTOM, TOP)
    points = [point for curve, _ in drawn for point in curve]
    shown = on_scale([row.top1 for _, row in points])
    limit(axes, "y", [100 * each.mean for each in shown], interval_ends(shown))
    axes.set_xscale("log")
    axes.set_xlim(min(cost for cost, _ in points) / 1.15, max(cost for cost, _ in points) * 1.15)
    for curve, look in drawn:
        if len(curve) > 1:
            costs, means = zip(*[(cost, 100 * row.top1.mean) for cost, row in curve], strict=True)
            trace(drawing, axes, costs, means, replace(look, dash=()), width=1.4)
        for cost, row in curve:
            _mark_row(drawing, axes, cost, row, look)
    axes.set(xlabel="Cost of training it alone, over that of the student alone", ylabel="Test top-1 (%)")
    _ticks(axes)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    ends = ((*curve[-1], curve[0][1].row, look) for curve, look in drawn)
    label_ends(drawing, axes, [(cost, 100 * row.top1.mean, name, look) for cost, row, name, look in ends])


def _ticks(axes: Axes) -> None:
    """At round multiples within the axis."""
    low, high = axes.get_xlim()
    at = [tick for tick in (0.25, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32) if low <= tick <= high]
    axes.set_xticks(at, [f"{tick:g}\N{MULTIPLICATION SIGN}" for tick in at])
    axes.minorticks_off()


def _mark_row(drawing: Drawing, axes: Axes, cost: float, row: StudentRow, look: Look) -> None:
    if (ends := interval_of(row.top1)) and not look.quiet:
        bar(drawing, axes, [cost, cost], ends, look)
    gain = row.headline
    gained = f", gain {f.points(gain.difference.estimate.mean)} points at {EQUAL[gain.equal]}" if gain else ""
    tip = f"{row.row}: {f.percent(row.top1.mean)} at {f.times(cost)} the cost{gained}"
    mark(drawing, axes, cost, 100 * row.top1.mean, look, tip)
