"""The section on steps, and rows that are named by their way of teaching, in both forms."""

from pathlib import Path

from kdbench.analyze import summarize
from kdbench.report import render_report
from kdbench.report.sections.cost import cost_table
from kdbench.report.sections.teaching.steps import steps_section
from tests.records import Shape, make_results

ROW = "kd, generations(count=3)"


def accuracy(_: int, row: str, seed: int) -> float:
    return {"kd": 0.5, f"{ROW}, step 2": 0.6, ROW: 0.7}.get(row, 0.4) + 0.01 * seed


def test_a_line_per_position_and_the_reported_student_last() -> None:
    shape = Shape(seeds=2, teaching=("single", "generations"), accuracy=accuracy)
    (table,) = steps_section(summarize(make_results(shape))).tables
    assert [[cell.text for cell in row] for row in table.rows] == [
        [ROW, "1", "50.50 %", "\N{MINUS SIGN}20.00", "2"],
        [ROW, "2", "60.50 %", "\N{MINUS SIGN}10.00", "2"],
        [ROW, "3", "70.50 %", "\N{EM DASH}", "2"],
    ]
    assert table.rows[2][1].sub == "reported"


def test_the_training_cost_says_that_steps_are_not_in_it() -> None:
    summary = summarize(make_results(Shape(seeds=2, teaching=("single", "generations"), accuracy=accuracy)))
    said = f"The costs of {ROW} are those of the last trial alone: the steps before it are not in them."
    assert said in cost_table(summary).notes
    assert said not in cost_table(summarize(make_results())).notes


def test_suites_without_steps_have_no_such_section() -> None:
    assert steps_section(summarize(make_results())).filled is None


def test_every_form_of_a_report_names_rows_and_ways_of_teaching(tmp_path: Path) -> None:
    ways = ("single", "ensemble", "generations")
    shape = Shape(seeds=5, teaching=ways, losses=("cross_entropy", "kd", "fitnet"), conditions=("noise",), ties=True)
    html, markdown = (path.read_text("utf-8") for path in render_report(summarize(make_results(shape)), tmp_path))
    for text in (html, markdown):
        assert "Steps before the reported student" in text
        assert "fitnet, ensemble(count=2)" in text
        assert "single, ensemble(count=2), generations(count=3)" in text
