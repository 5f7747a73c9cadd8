"""Efficiency in use: correct predictions per compute, retention of the teacher's accuracy, Pareto fronts."""

from dataclasses import replace

from kdbench.analyze import ModelRow, StudentRow, Summary
from kdbench.analyze.decisions.wording import quoted
from kdbench.analyze.models.front import COSTS, Front
from kdbench.report.writing import formats as f
from kdbench.report.writing.section import Section
from kdbench.report.writing.tables import Cell, Column, Table, estimate_cell, model_cell, retention_cell, row_cell
from kdbench.statistics.intervals import Interval

TERMS = (
    (
        "Correct predictions per compute",
        "Correct predictions over the compute that they took. A tiny model that guesses has the best ratio, so read it "
        "beside the accuracy: the second figure of each cell counts only correct predictions beyond those of guessing.",
    ),
    (
        "Gap closed",
        "(distilled - alone) / (teacher - alone): 0 % is the student alone, 100 % the teacher. It is given only where "
        "the interval of the gap excludes 0.",
    ),
    (
        "Hypervolume",
        "The area that the students' means dominate: accuracy above chance times decades of cost below the "
        "teacher's; 0 where none is cheaper. What is beyond that of the student alone, at all its budgets, is due to "
        "distillation, and optimistic where the best of many losses is taken.",
    ),
)


def efficiency_section(summary: Summary) -> Section:
    """Correct predictions over compute spent, students against their teachers, and the Pareto fronts."""
    return Section(
        "efficiency",
        "Efficiency",
        "Correct predictions over the compute that they took, and what students keep of their teachers' accuracy.",
        tables=(
            compute_table(summary),
            four_table(summary),
            kept_table(summary),
            front_table(summary),
            hypervolume_table(summary),
        ),
        terms=TERMS,
    )


def compute_table(summary: Summary) -> Table:
    """One row per model and loss."""
    below = "below, those beyond chance"
    columns = (
        Column("Model and loss", numeric=False),
        Column("Top-1", "% of test"),
        Column("Correct per GFLOP", "test samples", f"2 FLOPs for a multiply-accumulate; {below}"),
        Column(
            "Correct per CPU-second",
            "test samples",
            "process CPU time of evaluating an ONNX model, mean over all of the architecture, with the 95 % interval "
            f"of that time; {below}",
        ),
        Column("Correct per GPU-second", "test samples", f"while a GPU serves one call after the other; {below}"),
        Column("Correct per joule", "test samples", f"net of the power at rest, at the reference timing; {below}"),
    )
    rows = tuple(_compute_row(summary, row) for row in summary.models)
    reasons = dict.fromkeys(reason for row in summary.models for reason in row.efficiency.missing)
    notes = tuple(f"{reason[0].upper()}{reason[1:].rstrip('.')}." for reason in reasons)
    return Table("compute", "Correct predictions per compute", columns, rows, notes)


def _compute_row(summary: Summary, row: ModelRow) -> tuple[Cell, ...]:
    use = row.efficiency

    def cell(found: float | None, beyond: float | None, within: Interval | None = None) -> Cell:
        between = f" ({f.count(within.low)} to {f.count(within.high)})" if within else ""
        return Cell(f.NONE) if found is None else Cell(f"{f.count(found)}{between}", f.count(beyond), found)

    return (
        model_cell(summary, row),
        Cell(f.percent(row.top1.mean), f.percent_interval(row.top1.interval), row.top1.mean),
        cell(use.per_gflop, use.per_gflop_above_chance),
        cell(use.per_cpu_second, use.per_cpu_second_above_chance, use.per_cpu_second_interval),
        cell(use.per_gpu_second, use.per_gpu_second_above_chance),
        cell(use.per_joule, use.per_joule_above_chance),
    )


def four_table(summary: Summary) -> Table:
    """Each model in the four metrics of the article on efficiency, side by side, with their formulas."""
    columns = (
        Column("Model and loss", numeric=False),
        Column("Learning curve", "points/epoch", "y = m x + b: the slope m, below the intercept b"),
        Column("Accuracy", "% of test", "A = n correct / n"),
        Column("Efficiency", "correct per GFLOP", "E = n correct / compute; below, per CPU-second"),
        Column("Stability", "% of test", "S = n correct in every environment / n, the clean images among them"),
    )
    stable = {(row.pair, row.role, row.row): row.stable for row in summary.conditions}
    rows = tuple(
        (
            model_cell(summary, row),
            Cell(f.points(row.line.slope), f"b {100 * row.line.intercept:.1f} %", row.line.slope)
            if row.line
            else Cell(f.NONE),
            estimate_cell(row.top1, f.percent, f.percent_interval),
            Cell(
                f.count(row.efficiency.per_gflop),
                f.count(row.efficiency.per_cpu_second) if row.efficiency.per_cpu_second else "",
                row.efficiency.per_gflop,
            ),
            estimate_cell(stable.get((row.pair, row.role, row.row)), f.percent, f.percent_interval),
        )
        for row in summary.models
    )
    return Table("four", "The four metrics of efficiency", columns, rows, folded=True)


def kept_table(summary: Summary) -> Table:
    """Students against their teachers."""
    columns = (
        Column("Loss", numeric=False),
        Column("Retention", "%", "student's accuracy as a share of its teacher's, with its 95 % Student-t interval"),
        Column("Gap closed", "%", "(distilled - alone) / (teacher - alone), with its 95 % interval by Fieller"),
        Column("Smaller", "by parameters", "the teacher's over the student's"),
        Column("Smaller", "by ONNX bytes", "the teacher's over the student's"),
        Column("Fewer FLOPs", "", "the teacher's over the student's"),
        Column(
            "Speed-up", "ratio", "the teacher's time over the student's, of interleaved slices, with its 95 % interval"
        ),
    )
    teachers = {pair.pair: pair.teacher for pair in summary.pairs}
    rows = tuple(_kept_row(summary, row, teacher) for row in summary.students if (teacher := teachers[row.pair]))
    return Table("kept", "Students against their teachers", columns, rows, _gap_notes(summary))


def _kept_row(summary: Summary, row: StudentRow, teacher: ModelRow) -> tuple[Cell, ...]:
    gap, speedup = row.gap, row.speedup
    loss = row_cell(summary, row)
    named = replace(loss, sub=", ".join(part for part in (loss.sub, "alone") if part)) if row.alone else loss
    closed = Cell(f.NONE)
    if gap and gap.value is not None:
        closed = Cell(f"{100 * gap.value:.0f}".replace("-", f.MINUS), f.whole_percent_interval(gap.interval), gap.value)
    fewer = teacher.flops / row.flops if row.flops else None
    return (
        named,
        retention_cell(row, row.retention_interval),
        closed,
        Cell(f.times(row.compression_parameters), sort=row.compression_parameters),
        Cell(f.times(row.compression_bytes), sort=row.compression_bytes),
        Cell(f.times(fewer), sort=fewer),
        Cell(f.times(speedup.estimate), f"{f.number(speedup.low)} to {f.number(speedup.high)}", speedup.estimate)
        if speedup
        else Cell(f.NONE),
    )


def _gap_notes(summary: Summary) -> tuple[str, ...]:
    """The losses without a gap closed, by reason."""
    missing: dict[tuple[str, str], list[str]] = {}
    for row in summary.students:
        if row.gap and row.gap.reason:
            missing.setdefault((row.pair, row.gap.reason), []).append(row.row)
    return tuple(f"{pair}: no gap closed for {quoted(losses)}: {reason}." for (pair, reason), losses in missing.items())


def front_table(summary: Summary) -> Table:
    """The probability that each model is on the Pareto front, for each cost."""
    columns = (
        Column("Model and loss", numeric=False),
        *(
            Column(f"By {front.by}", "probability", "of being on the front of accuracy and this")
            for front in summary.fronts
        ),
    )
    rows = tuple(
        (model_cell(summary, row), *(_front_cell(front, row) for front in summary.fronts)) for row in summary.models
    )
    missing = ", ".join(by for by in COSTS if by not in [front.by for front in summary.fronts])
    notes = (f"No front by {missing}: not every model has it.",) if missing else ()
    return Table("fronts", "On the Pareto front", columns, rows if summary.fronts else (), notes, folded=True)


def _front_cell(front: Front, row: ModelRow) -> Cell:
    share = front.probability[row.name]
    return Cell(f"{share:.2f}", sort=share, tag="better" if share >= 0.5 else "")


def hypervolume_table(summary: Summary) -> Table:
    """The hypervolume that the students of each pair dominate."""
    columns = (
        Column("Pair", numeric=False),
        *(Column(f"By {front.by}", "accuracy × decades", "below, of the student alone") for front in summary.fronts),
    )
    rows = tuple(
        (Cell(pair.pair), *(_volume_cell(front, pair.pair) for front in summary.fronts))
        for pair in summary.pairs
        if any(pair.pair in front.hypervolume for front in summary.fronts)
    )
    return Table("hypervolume", "Hypervolume against the teacher", columns, rows)


def _volume_cell(front: Front, pair: str) -> Cell:
    found = front.hypervolume.get(pair)
    if found is None:
        return Cell(f.NONE)
    return Cell(f"{found.students:.3f}", "" if found.alone is None else f"alone {found.alone:.3f}", found.students)
