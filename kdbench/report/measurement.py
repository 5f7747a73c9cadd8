"""ONNX files of the user's as tables for a terminal, which are valid Markdown."""

import math

from kdbench.analyze.deployment.measurement import Accuracy, MeasuredRow, MeasurementSummary
from kdbench.report.sections.deployment import TERMS, timing_table, unmeasured_table
from kdbench.report.sections.noise import noise_table
from kdbench.report.sections.throughput import throughput_table
from kdbench.report.writing import formats as f
from kdbench.report.writing.padded import padded_note, padded_table
from kdbench.report.writing.tables import Cell, Column, Table


def measurement_text(summary: MeasurementSummary, width: float = math.inf) -> str:
    """Tables of cost and accuracy, latency, throughput, noise, and what was not measured.

    `width` is that of a terminal, in characters: a wider table comes in parts. A column is never broken.
    """
    tables = (
        _models(summary),
        timing_table(summary.deployed),
        throughput_table(summary.deployed),
        noise_table(summary.noise),
        unmeasured_table(summary.deployed),
    )
    parts = [f"## {table.caption}\n\n{padded_table(table, width)}" for table in tables if table.rows]
    if any(model.timings for model in summary.deployed):
        told = "\n".join(padded_note(f"{term}: {meaning}", width) for term, meaning in TERMS)
        parts.append(f"## Methods\n\n{told}")
    return "\n\n".join(parts)


def _models(summary: MeasurementSummary) -> Table:
    columns = (
        Column("Model", numeric=False),
        Column("Top-1", "% of test"),
        Column("Against the first", "points"),
        Column("NLL"),
        Column("Brier"),
        Column("ECE", "15 bins"),
        Column("Parameters"),
        Column("FLOPs", "per sample"),
        Column("ONNX file"),
        Column("Opset"),
        Column("Operators", numeric=False),
    )
    notes = [f"{row.model.name}: {note}" for row in summary.rows for note in row.model.notes]
    notes += [f"{r.model.name}: FLOPs unknown: {r.model.flops_reason}" for r in summary.rows if r.model.flops is None]
    if any(row.accuracy for row in summary.rows):
        notes.append(
            "Intervals of accuracy are over test samples, and differences are paired by sample: they hold for these "
            "files, not for the methods that trained them."
        )
    return Table("models", "Models", columns, tuple(map(_row, summary.rows)), tuple(notes))


def _row(row: MeasuredRow) -> tuple[Cell, ...]:
    model = row.model
    return (
        Cell(model.name),
        *_accuracy(row.accuracy),
        Cell(f.count(model.parameters), sort=model.parameters),
        Cell(f.count(model.flops), sort=model.flops),
        Cell(f.byte_size(model.onnx_bytes), sort=model.onnx_bytes),
        Cell(str(model.opset), sort=model.opset),
        Cell(", ".join(f"{count} {name}" for name, count in sorted(model.operators.items()))),
    )


def _accuracy(found: Accuracy | None) -> tuple[Cell, ...]:
    if found is None:
        return tuple(Cell(f.NONE) for _ in range(5))
    return (
        Cell(f.percent(found.top1), f.percent_interval(found.interval), found.top1),
        Cell(f.points(found.difference), f.points_interval(found.difference_interval), found.difference),
        *(Cell(f.NONE if v is None else f"{v:.4f}", sort=v) for v in (found.loss, found.brier, found.ece)),
    )
