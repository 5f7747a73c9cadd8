"""ONNX files of the user's as tables for a terminal, which are valid Markdown."""

import math
import textwrap
from collections.abc import Iterator, Sequence

from kdbench.analyze.deployment.measurement import Accuracy, MeasuredRow, MeasurementSummary
from kdbench.report.sections.deployment import TERMS, timing_table, unmeasured_table
from kdbench.report.sections.noise import noise_table
from kdbench.report.sections.throughput import throughput_table
from kdbench.report.writing import formats as f
from kdbench.report.writing.tables import Cell, Column, Table

NOTE = 118  # characters of a line of a note, at most
Named = tuple[Column, list[str]]  # a column, and its texts from the heading on


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
    parts = [f"## {table.caption}\n\n{_text(table, width)}" for table in tables if table.rows]
    if any(model.timings for model in summary.deployed):
        told = "\n".join(_note(f"{term}: {meaning}", width) for term, meaning in TERMS)
        parts.append(f"## Methods\n\n{told}")
    return "\n\n".join(parts)


def _text(table: Table, width: float) -> str:
    """Padded pipe tables, as many as the columns take in lines of this width, without empty columns."""
    columns = [
        (column, [_with(column.head, column.unit), *(_with(row[at].text, row[at].sub) for row in table.rows)])
        for at, column in enumerate(table.columns)
        if any(row[at].text not in ("", f.NONE) for row in table.rows)
    ]
    names = next((at for at, (column, _) in enumerate(columns) if column.numeric), len(columns))
    if names == len(columns):
        names = 1
    blocks = ["\n".join(_lines(columns[:names], block)) for block in _blocks(columns[:names], columns[names:], width)]
    notes = [_note(text, width) for text in table.notes]
    return "\n\n".join([*blocks, *(["\n".join(notes)] if table.notes else [])])


def _note(text: str, width: float) -> str:
    most = round(min(width, NOTE))
    return textwrap.fill(f"- {text}", most, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _blocks(names: Sequence[Named], others: Sequence[Named], width: float) -> Iterator[list[Named]]:
    """The columns beside the names, as many at a time as fit into a line."""
    block: list[Named] = []
    for column in others:
        if block and sum(_width(cells) + 3 for _, cells in (*names, *block, column)) + 1 > width:
            yield block
            block = []
        block.append(column)
    yield block


def _lines(names: Sequence[Named], block: Sequence[Named]) -> Iterator[str]:
    columns = (*names, *block)
    for line in range(len(columns[0][1])):
        yield "| " + " | ".join(_pad(cells[line], _width(cells), column) for column, cells in columns) + " |"
        if line == 0:
            yield "|" + "|".join("-" * (_width(cells) + 1) + "-:"[column.numeric] for column, cells in columns) + "|"


def _pad(text: str, width: int, column: Column) -> str:
    return text.rjust(width) if column.numeric else text.ljust(width)


def _width(cells: Sequence[str]) -> int:
    return max(map(len, cells))


def _with(text: str, more: str) -> str:
    """`5.8 µs (under 6.0 µs)`; a pipe would end the cell."""
    whole = f"{text} ({more})" if more else text
    return " ".join(whole.split()).replace("|", "\\|")


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
