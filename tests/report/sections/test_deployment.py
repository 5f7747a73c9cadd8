"""The tables of deployed models, their noise and their throughput, against figures worked out by hand."""

import math
from dataclasses import replace

import pytest

from kdbench.analyze import Summary, summarize
from kdbench.report.sections.deployment import architecture_table, timing_table, unmeasured_table
from kdbench.report.writing.tables import Table
from kdbench.results import NotMeasured
from tests.records import HOW, Shape, latency_record, make_results, pair_of


def rows_of(table: Table) -> list[dict[str, tuple[str, str]]]:
    heads = [column.head for column in table.columns]
    return [{head: (cell.text, cell.sub) for head, cell in zip(heads, row, strict=True)} for row in table.rows]


def around(center: float, step: float):
    """Three sessions whose log ratios are a step apart."""
    return tuple((pair_of(100 * math.exp(center + n * step), 100.0),) for n in (-1, 0, 1))


def timed(**changes: object) -> Summary:
    """The reference as it comes, and the teacher with such a record."""
    results = make_results(Shape(losses=("cross_entropy",)))
    small, big = (record.architecture for record in results.latencies)
    other = latency_record(architecture=big, reference=small, **changes)
    return summarize(replace(results, latencies=(results.latencies[0], other)))


def test_a_timing_by_hand() -> None:
    # 700 calls: 1, 2 ... 700 us. Their mean is 350.5, so 2,853 a second.
    # t of 2 degrees of freedom is 7.64880 at three looks: log 2 -+ 7.64880 x .001 / sqrt(3) = 1.991 to 2.009
    calls = tuple(float(n) for n in range(1, 701))
    rows = rows_of(timing_table(timed(sessions=around(math.log(2), 0.001), call_microseconds=calls).deployed))
    big = next(row for row in rows if row["Model"][0] == "big")
    assert big["How"][0] == "cpu, 1 thread, batch 1"
    assert big["p50"][0] == "350 µs"
    assert big["Against the reference"] == ("2.000", "1.991 to 2.009")
    assert big["p90"][0] == "630 µs"
    assert big["p99"] == ("693 µs", "under 700 µs")  # of 662 calls and more, the largest
    assert big["Fastest"][0] == "1.00 µs"
    assert big["Throughput"][0] == "2,853"
    assert (big["Load"][0], big["First call"][0], big["Memory"][0]) == ("40.0 ms", "2.00 ms", "2.00 MiB")
    assert (big["Energy"][0], big["Timed calls"][0]) == ("—", "700")
    small = next(row for row in rows if row["Model"][0] == "small")
    assert small["Against the reference"] == ("reference", "")


@pytest.mark.parametrize(("step", "sub"), [(0.005, "0.978 to 1.022"), (0.007, "0.970 to 1.031, inconclusive")])
def test_a_ratio_that_rounds_did_not_settle_says_so(step: float, sub: str) -> None:
    rows = rows_of(timing_table(timed(sessions=around(0.0, step)).deployed))
    assert next(row for row in rows if row["Model"][0] == "big")["Against the reference"] == ("1.000", sub)


@pytest.mark.parametrize(("calls", "p90", "p99"), [(63, False, False), (64, True, False), (662, True, True)])
def test_a_percentile_of_too_few_calls_is_a_dash(calls: int, p90: bool, p99: bool) -> None:
    rows = rows_of(timing_table(timed(call_microseconds=(100.0,) * calls).deployed))
    big = next(row for row in rows if row["Model"][0] == "big")
    assert [big[name][0] != "—" for name in ("p90", "p99")] == [p90, p99]


def test_energy_is_told_with_its_counter_or_its_reason() -> None:
    with_counter = timing_table(summarize(make_results(Shape(joules=0.002))).deployed)
    assert {row["Energy"] for row in rows_of(with_counter)} == {("2 mJ", "RAPL")}
    assert not any("No energy" in note for note in with_counter.notes)
    without = timing_table(summarize(make_results()).deployed)
    assert {row["Energy"] for row in rows_of(without)} == {("—", "")}
    assert [note for note in without.notes if "No energy" in note] == ["No energy: no RAPL counter."]


def test_the_reference_is_named() -> None:
    assert timing_table(summarize(make_results()).deployed).notes[0] == "The reference is small."


def test_variants_are_called_after_what_they_were_made_of() -> None:
    deployed = summarize(make_results(Shape(variants=("fp32", "int8_static")))).deployed
    assert [row["Model"] for row in rows_of(architecture_table(deployed))] == [
        ("big", "teacher"),
        ("small", "student"),
        ("big as int8_static", "teacher"),
        ("small as int8_static", "student"),
    ]


def test_what_was_not_measured_is_one_row_for_a_provider_and_a_reason() -> None:
    results = make_results(Shape(batch_sizes=(1, 32), not_measured=(("cuda", "no such provider"),)))
    half = NotMeasured(architecture=results.latencies[0].architecture, how=HOW, reason="killed")
    run = results.run.model_copy(update={"not_measured": (*results.run.not_measured, half)})
    rows = unmeasured_table(summarize(replace(results, run=run)).deployed).rows
    assert [[cell.text for cell in row] for row in rows] == [
        ["cuda", "big, small", "cuda, 1 thread, batch 1; cuda, 1 thread, batch 32", "no such provider"],
        ["cpu", "small", "cpu, 1 thread, batch 1", "killed"],
    ]


@pytest.mark.parametrize("apart", [True, False])
def test_ratios_timed_in_one_go_are_told(apart: bool) -> None:
    notes = timing_table(timed(sessions=around(math.log(2), 0.001), apart=apart).deployed).notes
    told = "Timed in one go, by an earlier kdbench: 1 of 1 ratio. These intervals leave out drift during the run."
    assert (told in notes) is not apart
