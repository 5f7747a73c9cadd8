"""What finds room in Markdown, by hand."""

from kdbench.report.writing.drawing import Image
from kdbench.report.writing.fitting import first_rows, fit, shortened
from kdbench.report.writing.markdown import markdown_table
from kdbench.report.writing.section import Section
from kdbench.report.writing.tables import Cell, Column, Table


def table(name: str, rows: int, columns: int = 2, *, folded: bool = False) -> Table:
    """Cells of nine letters that all differ."""
    heads = tuple(Column(f"column {at}") for at in range(columns))
    cells = tuple(tuple(Cell(f"{row:04}-{at:04}") for at in range(columns)) for row in range(rows))
    return Table(name, f"Caption of {name}", heads, cells, folded=folded)


def bytes_of(found: Table) -> int:
    return len(markdown_table(found).encode())


def test_folded_tables_take_the_room_that_the_others_leave() -> None:
    section = Section("s", "Title", "Intro.", (Image("i", "An image", "", ""),), (
        table("first", 50, folded=True), table("second", 50), table("third", 50),
    ))  # fmt: skip
    frame = 1000  # more than the headings and links take
    (part,) = fit([section], frame + 2 * bytes_of(table("x", 50)))
    assert [each.name for each in part.tables] == ["second", "third"]
    assert [each.name for each in part.left] == ["first"]
    assert [image.name for image in part.images] == ["i"]
    (part,) = fit([section], 0)
    assert (part.images, part.tables) == ((), ())
    assert len(part.left) == 3


def test_a_table_loses_columns_before_rows() -> None:
    wide = table("wide", 20, columns=10)
    assert shortened(wide, bytes_of(wide)) == wide
    few = shortened(wide, bytes_of(wide) - 1)
    assert (len(few.columns), len(few.rows), few.notes) == (7, 20, ())
    short = shortened(wide, bytes_of(few) - 1)
    assert (len(short.columns), len(short.rows)) == (7, 19)
    assert short.notes == ("1 more of 20 rows are in the page.",)


def test_first_rows_tell_how_many_the_others_are() -> None:
    assert first_rows(table("t", 3), 3) == table("t", 3)
    assert first_rows(table("t", 3), 1).notes == ("2 more of 3 rows are in the page.",)
