from kdbench.report.writing.tables import Cell, Column, Table, in_order

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
