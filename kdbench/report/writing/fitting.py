"""Which plots and tables of a report find room in its Markdown; the others are named, with links to the page."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from kdbench.report.writing.drawing import Image
from kdbench.report.writing.markdown import markdown_table, markdown_text
from kdbench.report.writing.section import Section
from kdbench.report.writing.tables import Table

MARKDOWN_BYTES = 58_000  # code hosts show a little more of one text
MOST_COLUMNS = 7  # of a table that is too large for its room: as many as a page has open
FRAME = 40  # bytes of the markup around a heading, an image or a link


@dataclass(frozen=True)
class Part:
    """A section as its Markdown shows it."""

    section: Section
    images: tuple[Image, ...]
    tables: tuple[Table, ...]
    left: tuple[Table, ...]  # in the page alone


def fit(sections: Sequence[Section], room: int) -> tuple[Part, ...]:
    """As many plots and tables, in their order, as `room` bytes hold; tables that a page folds come last."""
    room -= sum(_size(each.title, each.intro, *(table.caption * 2 for table in each.tables)) for each in sections)
    images: set[str] = set()
    tables: set[str] = set()
    for section in sections:
        for image in section.images:
            if (size := _size(image.title, image.name)) <= room:
                room -= size
                images.add(image.name)
        room = _take(tables, (table for table in section.tables if not table.folded), room)
    _take(tables, (table for section in sections for table in section.tables if table.folded), room)
    return tuple(
        Part(
            section,
            tuple(image for image in section.images if image.name in images),
            tuple(table for table in section.tables if table.name in tables),
            tuple(table for table in section.tables if table.name not in tables),
        )
        for section in sections
    )


def _take(names: set[str], tables: Iterable[Table], room: int) -> int:
    """Add the names of the tables that there is room for, and return what remains of it."""
    for table in tables:
        if (size := len(markdown_table(table).encode())) <= room:
            room -= size
            names.add(table.name)
    return room


def _size(*texts: str) -> int:
    """Bytes of Markdown, at most."""
    return sum(len(markdown_text(text).encode()) + FRAME for text in texts)


def shortened(table: Table, room: int) -> Table:
    """A table within so many bytes: whole, or its first columns, or the first rows of these."""
    if _fits(table, room):
        return table
    few = table.varying
    rows = tuple(row[:MOST_COLUMNS] for row in few.rows)
    same = (f"In all rows: {table.same}.",) if table.same else ()
    first = replace(few, columns=few.columns[:MOST_COLUMNS], rows=rows, notes=(*same, *few.notes))
    if _fits(first, room):
        return first
    head, rule, *lines = markdown_table(replace(first, notes=())).splitlines()
    ends = accumulate(len(line.encode()) + 1 for line in (head, rule, *lines))
    return first_rows(first, max(sum(end <= room for end in ends) - 2, 1))


def first_rows(table: Table, most: int) -> Table:
    """The first rows of a table, with a note of how many the others are."""
    more = len(table.rows) - most
    notes = (f"{more} more of {len(table.rows)} rows are in the page.",) if more > 0 else ()
    return replace(table, rows=table.rows[:most], notes=(*notes, *table.notes))


def _fits(table: Table, room: int) -> bool:
    return len(markdown_table(table).encode()) <= room
