"""The section on noise: the reference against itself, and ties."""

import math
from dataclasses import replace

import pytest

from kdbench.analyze import Summary, summarize
from kdbench.report.sections.noise import noise_section, noise_table, tie_table
from kdbench.report.writing.tables import Table
from tests.records import Shape, conditions, make_results, pair_of, slice_sessions


def rows_of(table: Table) -> list[dict[str, tuple[str, str]]]:
    heads = [column.head for column in table.columns]
    return [{head: (cell.text, cell.sub) for head, cell in zip(heads, row, strict=True)} for row in table.rows]


def around(center: float, step: float):
    """Three sessions whose log ratios are a step apart."""
    return tuple((pair_of(100 * math.exp(center + n * step), 100.0),) for n in (-1, 0, 1))


def noisy(**changes: object) -> Summary:
    results = make_results(Shape(ties=True))
    noise, *others = results.latencies
    return summarize(replace(results, latencies=(noise.model_copy(update=changes), *others)))


def test_noise_by_hand() -> None:
    told = conditions(
        cpu_seconds=3.0,
        wall_seconds=4.0,
        lag_1_autocorrelation=0.25,
        involuntary_context_switches=1234,
        steal_seconds=1.5,
    )
    summary = noisy(sessions=around(0.0, 0.005), conditions=(told,))
    (row,) = rows_of(noise_table(summary.noise))
    assert row == {
        "How": ("cpu, 1 thread, batch 1", ""),
        "Ratio to itself": ("1.000", "0.978 to 1.022"),
        "Trusted": ("yes", ""),
        "Slice pairs": ("3", ""),
        "Lag-1 correlation": ("0.25", ""),
        "CPU / wall": ("0.75", ""),
        "Switches": ("1,234", ""),
        "Stolen": ("1.50 s", ""),
    }
    intro = noise_section(summary).intro
    assert " It was." in intro
    assert "Students of one architecture were not found to differ." in intro


def test_noise_that_is_not_trusted_is_tagged_and_counted() -> None:
    summary = noisy(sessions=around(0.1, 0.005))
    (row,) = noise_table(summary.noise).rows
    assert [(cell.text, cell.tag) for cell in row][2] == ("no", "worse")
    assert "It was not in 1 of 1 way of timing." in noise_section(summary).intro


def test_what_is_unknown_is_a_dash() -> None:
    summary = noisy(sessions=slice_sessions(1.0)[:2], conditions=({},))
    (row,) = rows_of(noise_table(summary.noise))
    unknown = ("Ratio to itself", "Slice pairs", "Lag-1 correlation", "CPU / wall", "Stolen")
    assert {row[head][0] for head in unknown} == {"—"}
    assert row["Trusted"][0] == "no"


@pytest.mark.parametrize(
    ("sessions", "word", "tag"),
    [
        (around(0.0, 0.002), "yes", ""),
        (around(0.2, 0.002), "no", "worse"),
        (around(0.05, 0.01), "undecided", "undecided"),
    ],
)
def test_a_tie_in_a_word(sessions, word: str, tag: str) -> None:
    results = make_results(Shape(ties=True))
    *others, tie = results.latencies
    changed = replace(results, latencies=(*others, tie.model_copy(update={"sessions": sessions})))
    summary = summarize(changed)
    (row,) = tie_table(summary.ties).rows
    assert [cell.text for cell in row[:4]] == ["small", "kd", "cross_entropy", "cpu, 1 thread, batch 1"]
    assert (row[5].text, row[5].tag) == (word, tag)
    assert ("Students of one architecture differ: see below." in noise_section(summary).intro) == (word == "no")


def test_without_ties_and_timings_there_is_no_section() -> None:
    assert noise_section(summarize(make_results(Shape(latency=False)))).filled is None
    filled = noise_section(summarize(make_results())).filled
    assert filled is not None
    assert [table.name for table in filled.tables] == ["noise"]
    assert "Students of one architecture" not in filled.intro
