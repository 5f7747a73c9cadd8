"""The section on throughput: table, plot, and suites without a sweep."""

from kdbench.analyze import summarize
from kdbench.report.sections.throughput import plot_throughput, throughput_section, throughput_table
from kdbench.report.writing.tables import Table
from tests.records import Shape, make_results


def rows_of(table: Table) -> list[dict[str, tuple[str, str]]]:
    heads = [column.head for column in table.columns]
    return [{head: (cell.text, cell.sub) for head, cell in zip(heads, row, strict=True)} for row in table.rows]


def test_throughput_by_hand() -> None:
    # The factory's batch of n takes (n + 3) / 4 of one call's time; slices' means are 1.02 of 40 us for the student:
    # 1 / 40.8 us = 24,510 samples a second, and of batch 8 8 / (2.75 x 40.8) = 71,301.
    rows = rows_of(throughput_table(summarize(make_results(Shape(throughput=True, noise=0.0))).deployed))
    small = next(row for row in rows if row["Model"][0] == "small")
    assert small["How"][0] == "cpu, 1 thread"
    assert small["Single stream"][0] == "24,510"
    assert small["Offline"][0] == "71,301"
    assert (small["Batch"][0], small["Ended at"][0]) == ("8", "8")
    assert small["Why"][0] == "the largest batch asked for, 8"


def test_the_plot_of_throughput_names_every_network_and_its_tips_hold_the_figures() -> None:
    deployed = summarize(make_results(Shape(throughput=True, noise=0.0, variants=("fp32", "fp16")))).deployed
    image = plot_throughput(deployed)
    assert image is not None
    for words in (
        "small as fp16",
        "big as fp16",
        "small, batch 8: 71,301 samples/s",
        "small, batch 1: 24,510 samples/s",
    ):
        assert words in image.inline


def test_without_a_sweep_there_is_no_section() -> None:
    assert throughput_section(summarize(make_results())).filled is None
    assert plot_throughput(summarize(make_results()).deployed) is None
