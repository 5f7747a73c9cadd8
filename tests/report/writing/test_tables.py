from dataclasses import replace

from kdbench.analyze import StudentRow, summarize
from kdbench.report.writing.tables import Cell, Column, Table, headline_cell, in_order, retention_cell
from tests.records import Shape, make_results

COLUMNS = (Column("Loss", numeric=False), Column("Latency", "cpu"), Column("Energy"), Column("Gain", ranked=True))


def table(*rows: tuple[Cell, ...]) -> Table:
    return Table("example", "Example", COLUMNS, rows)


def row(name: str, gain: float | None, latency: str = "5 µs") -> tuple[Cell, ...]:
    return Cell(name), Cell(latency, "±1"), Cell("—"), Cell(str(gain), sort=gain)


def test_what_all_rows_share_is_told_once_and_a_gap_is_not_told() -> None:
    found = table(row("a", 1.0), row("b", 2.0))
    assert found.same == "Latency 5 µs (±1, cpu)"
    assert [column.head for column in found.varying.columns] == ["Loss", "Gain"]
    assert [[cell.text for cell in cells] for cells in found.varying.rows] == [["a", "1.0"], ["b", "2.0"]]


def test_the_column_that_names_rows_stays_and_a_single_row_stays_whole() -> None:
    assert [c.head for c in table(row("a", 1.0), row("a", 1.0)).varying.columns] == ["Loss"]
    alone = table(row("a", 1.0))
    assert alone.same == ""
    assert alone.varying == alone


def test_rows_differ_in_a_column_by_their_small_print_too() -> None:
    first, second = row("a", 1.0), row("b", 1.0)
    changed = (second[0], Cell("5 µs", "±2"), *second[2:])
    assert [column.head for column in table(first, changed).varying.columns] == ["Loss", "Latency"]


def test_rows_stand_by_the_ranked_column_the_greatest_first_and_gaps_last() -> None:
    rows = [row("a", None), row("b", -1.0), row("c", 3.0), row("d", 0.0), row("e", 3.0)]
    assert [cells[0].text for cells in in_order(COLUMNS, rows)] == ["c", "e", "d", "b", "a"]
    assert in_order(COLUMNS[:1], rows) == tuple(rows)


def student(**shape: object) -> StudentRow:
    """'kd' of a run of five seeds, in which it gains three points over the student alone."""
    level = {"teacher": 0.95, "kd": 0.93}
    accuracy = lambda pair, row, seed: level.get(row, 0.90) + 0.0005 * ((seed + len(row)) % 3)  # noqa: E731
    summary = summarize(make_results(Shape(seeds=5, accuracy=accuracy, **shape)))  # type: ignore[arg-type]
    return next(row for row in summary.students if row.row == "kd")


def test_a_verdict_tells_what_it_is_of() -> None:
    row = student()
    assert row.headline
    cell = headline_cell(row)
    assert (cell.text, cell.sub, cell.tag) == ("▲ better", "Holm p < 0.001", "better")
    shown = replace(row, gains={"epochs": replace(row.headline, verdict="above 0", holm_p=0.02)})
    assert (headline_cell(shown).text, headline_cell(shown).sub) == ("△ above 0", "Holm p 0.020")
    cell = headline_cell(student(confirms="kd"))
    assert (cell.text, cell.sub) == ("▲ better", "at seeds of its own")


def test_a_teacher_below_its_student_is_weak() -> None:
    row = student()
    assert retention_cell(row).text == "97.90 %"  # 93.05 of 95.05: .97896
    weak = retention_cell(replace(row, retention=1.0124))
    assert (weak.text, weak.sub) == ("weak teacher", "101.24 %")
