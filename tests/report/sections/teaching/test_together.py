"""The section on students that are trained together: a line per head, a plot by cost, and suites without any."""

from dataclasses import replace

from kdbench.analyze import Summary, summarize
from kdbench.analyze.teaching.together import HeadRow
from kdbench.report.sections.teaching.together import together_section
from tests.records import Shape, make_results

SUMMARY = summarize(make_results(Shape(seeds=3)))


def head(loss: str, number: int, network: str = "exits", latency: bool = True) -> HeadRow:
    (row,) = (each for each in SUMMARY.students if each.row == loss)
    return HeadRow(
        pair=row.pair,
        role=row.role,
        model=row.model,
        row=row.row,
        loss=loss,
        network=network,
        head=f"exit {number}",
        flops=1000 * number,
        microseconds=10.0 * number if latency else None,
        top1=row.top1,
        against_labels=None if row.alone else row.gain,
        against_alone=row.gain,
    )


def section(*rows: HeadRow) -> Summary:
    return replace(SUMMARY, heads=rows)


EXITS = [head(loss, number) for loss in ("cross_entropy", "kd") for number in (1, 2)]


def test_a_line_per_head_and_a_plot_by_latency() -> None:
    found = together_section(section(*EXITS))
    (table,) = found.tables
    assert [[cell.text for cell in row[:4]] for row in table.rows] == [
        ["cross_entropy", "exit 1", "1,000", "10.0 \N{MICRO SIGN}s"],
        ["cross_entropy", "exit 2", "2,000", "20.0 \N{MICRO SIGN}s"],
        ["kd", "exit 1", "1,000", "10.0 \N{MICRO SIGN}s"],
        ["kd", "exit 2", "2,000", "20.0 \N{MICRO SIGN}s"],
    ]
    assert table.rows[0][5].text == "\N{EM DASH}"
    (image,) = found.images
    assert image.title == "Top-1 of each head of 'exits' by its cost, big -> small"
    assert "Latency of one call" in image.inline


def test_without_latencies_cost_is_flops() -> None:
    (image,) = together_section(section(*(replace(row, microseconds=None) for row in EXITS))).images
    assert "FLOPs per sample" in image.inline


def test_heads_of_equal_cost_and_several_networks_of_a_kind_have_no_plot() -> None:
    equal = [replace(row, microseconds=10.0) for row in EXITS]
    assert together_section(section(*equal)).images == ()
    assert together_section(section(*EXITS, *EXITS)).images == ()


def test_suites_without_such_students_have_no_section() -> None:
    assert together_section(SUMMARY).filled is None
