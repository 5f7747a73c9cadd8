"""Tables for a terminal, padded so that columns stand below each other, which are valid Markdown."""

import textwrap
from collections.abc import Iterator, Sequence

from kdbench.report.writing import formats as f
from kdbench.report.writing.tables import Column, Table

NOTE = 118  # characters of a line of a note, at most
Named = tuple[Column, list[str]]  # a column, and its texts from the heading on


def padded_table(table: Table, width: float) -> str:
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
    notes = [padded_note(text, width) for text in table.notes]
    return "\n\n".join([*blocks, *(["\n".join(notes)] if table.notes else [])])


def padded_note(text: str, width: float) -> str:
    """An item of a list, in lines of at most this width."""
    return padded_paragraph(f"- {text}", width, "  ")


def padded_paragraph(text: str, width: float, indent: str = "") -> str:
    """Text in lines of at most this width, those after the first indented."""
    most = round(min(width, NOTE))
    return textwrap.fill(text, most, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


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
