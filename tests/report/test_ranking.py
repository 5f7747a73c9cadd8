from dataclasses import replace

import pytest

from kdbench.analyze import recommend, summarize
from kdbench.report.ranking import ranking_table, ranking_terms, trouble_table
from kdbench.results import Outcome
from tests.records import Shape, make_results


def test_losses_that_deploy_another_network_are_named() -> None:
    found = summarize(make_results(Shape(losses=("cross_entropy", "kd", "simkd"), seeds=2)))
    note = "Losses of one pair share one architecture, hence one latency and one FLOP count"
    assert dict(ranking_terms(found))["Latency and FLOPs"].startswith(f"{note}. ")
    (pair,) = found.pairs
    students = tuple(replace(row, architecture="own") if row.loss == "simkd" else row for row in pair.students)
    changed = replace(found, pairs=(replace(pair, students=students),))
    told = f"{note}, except for losses that deploy another network: 'simkd'."
    assert dict(ranking_terms(changed))["Latency and FLOPs"].startswith(told)


def test_the_worst_seed_is_told_even_where_it_collapsed_and_stands_in_no_mean():
    lost = Shape(seeds=5, accuracy=lambda pair, loss, seed: 0.1 if (loss, seed) == ("kd", 3) else 0.9)
    summary = summarize(make_results(lost))
    table = ranking_table(summary, recommend(summary))
    (row,) = [cells for cells in table.rows if cells[0].text == "kd"]
    shown = {column.head: cell.text for column, cell in zip(table.columns, row, strict=True)}
    assert (shown["Top-1"], shown["Worst seed"]) == ("90.00 %", "10.00 %")


@pytest.mark.parametrize(("seeds", "tags"), [(5, {"kd": "ship", "dkd": "not told apart"}), (3, {})])
def test_what_is_shipped_is_tagged_and_what_is_as_good(seeds: int, tags: dict[str, str]) -> None:
    levels = {"kd": 0.93, "dkd": 0.93}
    accuracy = lambda pair, row, seed: levels.get(row, 0.90) + 0.0005 * ((seed + len(row)) % 3)  # noqa: E731
    summary = summarize(make_results(Shape(seeds=seeds, losses=("cross_entropy", "kd", "dkd"), accuracy=accuracy)))
    rows = ranking_table(summary, recommend(summary)).rows
    assert {cells[0].text: cells[0].tag for cells in rows if cells[0].tag} == tags


def test_rows_stand_by_their_gain_with_the_student_alone_at_zero() -> None:
    level = {"teacher": 0.95, "cross_entropy": 0.90, "kd": 0.93, "dkd": 0.91, "dist": 0.89}
    summary = summarize(make_results(Shape(seeds=5, losses=tuple(level)[1:], accuracy=lambda p, loss, s: level[loss])))
    rows = ranking_table(summary, recommend(summary)).rows
    assert [row[0].text for row in rows] == ["kd", "dkd", "cross_entropy", "dist"]
    assert rows[2][2].sort == 0


def test_rows_without_a_result_stand_together_where_they_have_one_reason() -> None:
    outcomes = {("big -> small", "kd", seed): Outcome(status="skipped", reason="no layer") for seed in (0, 1)}
    outcomes |= {("big -> small", "kd", 2): Outcome(status="failed", reason="nan")}
    summary = summarize(make_results(Shape(outcomes=outcomes)))
    table = trouble_table(summary)
    assert table
    assert table.caption == "3 of 7 rows have no result"
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["small: kd", "big -> small", "skipped", "0, 1", "no layer"],
        ["small: kd", "big -> small", "failed", "2", "nan"],
    ]
    assert trouble_table(summarize(make_results())) is None
