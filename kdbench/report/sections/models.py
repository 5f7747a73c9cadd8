"""Teachers and deployed models: what they are, how fast they were, what was not measured."""

from kdbench.analyze import PairSummary, Summary
from kdbench.report.sections.deployment import architecture_table, timing_table, unmeasured_table
from kdbench.report.writing import formats as f
from kdbench.report.writing.section import Section
from kdbench.report.writing.tables import Cell, Column, Table


def models_section(summary: Summary) -> Section:
    """Every architecture once."""
    return Section(
        "deployed",
        "Teachers and deployed models",
        "What was exported and timed, an architecture a row; what was asked for and not measured stands last.",
        tables=(
            teacher_table(summary),
            architecture_table(summary.deployed),
            timing_table(summary.deployed),
            unmeasured_table(summary.deployed),
        ),
    )


def teacher_table(summary: Summary) -> Table:
    """One row per teacher."""
    columns = (
        Column("Teacher", numeric=False),
        Column("Pair", numeric=False),
        Column("Top-1", "% of test", "mean over teachers, with its 95 % interval"),
        Column("SD", "points", "over teachers"),
        Column("Parameters"),
        Column("FLOPs", "per sample"),
        Column("ONNX file"),
        Column("Latency p50"),
        Column("Correct per GFLOP", "test samples", "below, those beyond chance"),
        Column("Training step", "ms"),
    )
    return Table("teachers", "Teachers", columns, tuple(_teacher_row(p) for p in summary.pairs))


def _teacher_row(pair: PairSummary) -> tuple[Cell, ...]:
    row = pair.teacher
    if row is None:
        return (Cell("none finished"), Cell(pair.pair), *(Cell(f.NONE) for _ in range(8)))
    above = f.count(row.efficiency.per_gflop_above_chance)
    return (
        Cell(row.model, f.several(len(row.seeds), "teacher")),
        Cell(pair.pair),
        Cell(f.percent(row.top1.mean), f.percent_interval(row.top1.interval), row.top1.mean),
        Cell(f.spread(row.top1.sd), sort=row.top1.sd),
        Cell(f.count(row.parameters), sort=row.parameters),
        Cell(f.count(row.flops), sort=row.flops),
        Cell(f.byte_size(row.onnx_bytes), sort=row.onnx_bytes),
        Cell(f.microseconds(row.p50_microseconds), sort=row.p50_microseconds),
        Cell(f.count(row.efficiency.per_gflop), above, row.efficiency.per_gflop),
        Cell(f"{row.training.step_milliseconds:.2f}", sort=row.training.step_milliseconds),
    )
