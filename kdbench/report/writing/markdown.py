"""Markdown with escaped text, so that any name can appear in it, and tables as code hosts render them."""

import re

from kdbench.report.writing.svg import printable
from kdbench.report.writing.tables import Cell, Column, Table

# `-`, `.` and `#` are markup only at the start of a line, where kdbench writes no name.
SPECIAL = re.compile(r"([\\`*_\[\]~$|])")


def markdown_text(text: str) -> str:
    """Text that is shown unchanged: no markup, no HTML, no line break."""
    plain = re.sub(r"\s+", " ", printable(text)).strip()
    return SPECIAL.sub(r"\\\1", plain).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def markdown_code(text: str, language: str = "") -> str:
    """A block of code, shown unchanged: its fence is longer than any that the text has."""
    fence = "`" * max([2, *map(len, re.findall("`+", text))]) + "`"
    return f"{fence}{language}\n{printable(text)}\n{fence}"


def markdown_cell(cell: Cell) -> str:
    """A cell: its text, its second line in small, and what the answer says of its row."""
    text = markdown_text(cell.text)
    if cell.tag == "ship":
        text = f"**{text}** (ship)"
    elif cell.tag == "not told apart":
        text = f"{text} (not told apart)"
    return f"{text}<br><sub>{markdown_text(cell.sub)}</sub>" if cell.sub else text


def markdown_table(table: Table) -> str:
    """A pipe table with its units in the head and its notes below."""
    head = "| " + " | ".join(map(_head, table.columns)) + " |"
    rule = "|" + "|".join("---:" if column.numeric else "---" for column in table.columns) + "|"
    rows = ["| " + " | ".join(map(markdown_cell, row)) + " |" for row in table.rows]
    notes = [f"- {markdown_text(note)}" for note in table.notes]
    return "\n".join([head, rule, *rows, *(["", *notes] if notes else [])])


def _head(column: Column) -> str:
    unit = f"<br><sub>{markdown_text(column.unit)}</sub>" if column.unit else ""
    return markdown_text(column.head) + unit
