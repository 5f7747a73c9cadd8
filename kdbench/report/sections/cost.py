"""What training took: the cost of each loss beside its gain, drawn and in figures, with and without the cache."""

from matplotlib.axes import Axes

from kdbench.analyze import ModelRow, PairSummary, StudentRow, Summary
from kdbench.report.writing import formats as f
from kdbench.report.writing.drawing import BAND, GRID, MUTED, Drawing, Image, draw
from kdbench.report.writing.section import Section
from kdbench.report.writing.series import LABEL_LINE, Look, label_ends, limit, looks, mark
from kdbench.report.writing.tables import Cell, Column, Table, gain_cell
from kdbench.statistics.paired import EQUIVALENCE

WIDTH, LEFT, RIGHT, BOTTOM, TOP = 520.0, 62.0, 128.0, 44.0, 12.0
Point = tuple[StudentRow, float, float, Look]  # relative cost, gain in points


def cost_section(summary: Summary) -> Section:
    """Training cost beside gain, drawn and in figures."""
    images = (plot_cost(summary, pair, index) for index, pair in enumerate(summary.pairs))
    return Section(
        "costs",
        "Training cost",
        "The cost of training with each loss, and its gain. Lines are 95 % intervals of the gain; inside the shaded "
        f"band of ±{100 * EQUIVALENCE:g} points a gain is of no practical consequence.",
        tuple(image for image in images if image),
        (cost_table(summary), energy_table(summary)),
    )


def cost_table(summary: Summary) -> Table:
    """Every model with its training cost; losses ranked within their pair."""
    columns = (
        Column("Model and loss", numeric=False),
        Column("Rank", "by cost alone", "1 is the loss of its pair that is cheapest to train alone"),
        Column("Gain", "points", "test top-1 over the student alone, paired by seed, with its 95 % interval"),
        Column("Relative cost", "of the student alone", "cost alone, over that of the student under labels alone"),
        Column("Cost alone", "uncached", "own steps and evaluation, all of the data, and a live teacher"),
        Column("Cost here", "shared, cached", "own steps and evaluation, and its share of the data and of the teacher"),
        Column("Own step", "ms", "forward, loss, backward and update of this model; below, all of its steps"),
        Column(
            "Teacher",
            "ms a step",
            "its forward pass (live) or reading its outputs from the cache; below, the time of a forward pass",
        ),
        Column("Data", "per pass", "making batches, shared by the pass; below, evaluation of this model on validation"),
        Column("Throughput", "samples/s", "through own steps alone"),
        Column("Peak memory", "per process"),
        Column("Processes × threads", "", "that trained at the same time, and threads of each; below, the device"),
    )
    rows = tuple(_row(row) for row in summary.models)
    return Table("costs", "Training cost", columns, rows, _notes(summary))


def energy_table(summary: Summary) -> Table:
    """Energy of training; without rows where no counter was read."""
    columns = (
        Column("Model and loss", numeric=False),
        Column("Energy", "J", "net of the power at rest; of a pass, divided by the models trained in it"),
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
    """Gain over the student alone with its interval, by cost alone over that student's; None without any gain."""
    style = looks(summary)
    found: list[Point] = [
        (row, row.relative_cost, 100 * row.gain.estimate.mean if row.gain else 0.0, style[row.row])
        for row in pair.students
        if row.relative_cost is not None and (row.gain or row.alone)
    ]
    if not any(row.gain for row, *_ in found):
        return None
    height = max(280.0, TOP + BOTTOM + LABEL_LINE * (len(found) + 1))
    title = f"Accuracy gain of {pair.pair} against training cost, both over the student alone"
    return draw(f"cost-{index}", title, WIDTH, height, lambda drawing: _paint(drawing, found))


def _paint(drawing: Drawing, found: list[Point]) -> None:
    axes = drawing.axes(LEFT, RIGHT, BOTTOM, TOP)
    zone = 100 * EQUIVALENCE
    gains = [row.gain.estimate for row, *_ in found if row.gain]
    ends = [100 * end for gain in gains if gain.interval for end in (gain.interval.low, gain.interval.high)]
    limit(axes, "y", [*(y for _, _, y, _ in found), -zone, zone], ends)
    limit(axes, "x", [x for _, x, _, _ in found], [])
    axes.axhspan(-zone, zone, color=BAND, linewidth=0, zorder=0)
    axes.axhline(0, color=MUTED, linewidth=1, zorder=1)
    axes.axvline(1, color=MUTED, linewidth=1, zorder=1)
    for point in found:
        _mark_loss(drawing, axes, point)
    axes.set(xlabel="Cost of training it alone, over that of the student alone", ylabel="Gain (points of test top-1)")
    axes.xaxis.set_major_formatter("{x:g}×")
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    label_ends(drawing, axes, [(x, y, row.row, look.color) for row, x, y, look in found])


def _mark_loss(drawing: Drawing, axes: Axes, point: Point) -> None:
    row, x, y, look = point
    interval = row.gain.estimate.interval if row.gain else None
    if interval:
        axes.plot([x, x], [100 * interval.low, 100 * interval.high], color=look.color, linewidth=1.4)
    gained = f"gain {f.points(row.gain.estimate.mean)} points" if row.gain else "the student alone"
    within = f" ({f.points_interval(interval)})" if interval else ""
    mark(axes, x, y, look, drawing, f"{row.row}: {gained}{within} at {f.times(x)} the cost")
