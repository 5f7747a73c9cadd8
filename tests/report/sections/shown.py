"""What a section shows, as text."""

from kdbench.report.writing.section import Section
from kdbench.report.writing.tables import Cell


def cells(section: Section, table: str, row: str) -> dict[str, Cell]:
    """The cells of the first row whose name ends so, by heading and unit."""
    (found,) = (t for t in section.tables if t.name == table)
    line = next(r for r in found.rows if r[0].text.endswith(row))
    heads = [f"{column.head} {column.unit}".strip() for column in found.columns]
    assert len(heads) == len(line)
    return dict(zip(heads, line, strict=True))


def words(section: Section) -> str:
    """The notes below all tables."""
    return " ".join(note for table in section.tables for note in table.notes)
