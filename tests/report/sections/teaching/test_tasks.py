"""The section on several tasks: a table per task, and suites without any."""

from kdbench.analyze import summarize
from kdbench.report.sections.teaching.tasks import tasks_section
from tests.analyze.teaching.test_tasks import multitask
from tests.records import Shape, make_results


def test_a_table_per_task() -> None:
    results = make_results(Shape(seeds=3, losses=("cross_entropy", "kd")))
    both = multitask(multitask(results, "cross_entropy", (4, 5), (3, 6)), "kd", (6, 7), (5, 8))
    first, second = tasks_section(summarize(both)).tables
    assert (first.caption, second.caption) == ("Task 'class'", "Task 'parity'")
    assert [row[0].text for row in second.rows] == [
        "teacher of this task",
        *["student of this task alone"] * 2,
        *["student of all tasks"] * 2,
    ]
    assert [row[2].text for row in second.rows] == ["90.00 %", "50.00 %", "70.00 %", "60.00 %", "80.00 %"]
    assert [row[4].text for row in second.rows][-1] == "+10.00"


def test_suites_with_one_task_have_no_such_section() -> None:
    assert tasks_section(summarize(make_results(Shape(seeds=2)))).filled is None
