"""The suites of assistants and of generations in miniature, run for real, up to their reports."""

from pathlib import Path

import pytest

from kdbench.analyze import Summary, summarize
from kdbench.report import render_report
from kdbench.report.sections.teaching.assistants import assistants_table
from kdbench.report.sections.teaching.generations import generations_table
from kdbench.results import ResultSet, Store, load_suite_results
from kdbench.statistics.paired import crossed_difference
from tests.execute.running import place, run
from tests.small import small_suite

MIDDLE = {"use": "mlp", "hidden": [16]}
WAYS = [
    "single",
    {"use": "assistants", "models": [MIDDLE]},
    {"use": "assistants", "name": "dense", "models": [MIDDLE], "dense": True},
    {"use": "generations", "count": 3, "ensemble": True},
]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> ResultSet:
    root = tmp_path_factory.mktemp("chains")
    run(small_suite(teaching=WAYS, latency={"batch_sizes": []}), place(root))
    return load_suite_results(Store(root), "small")


@pytest.fixture(scope="module")
def summary(results: ResultSet) -> Summary:
    return summarize(results)


def keys(results: ResultSet, role: str, row: str, position: int) -> list[str]:
    places = ((entry.role, entry.row, entry.position, entry.key) for entry in results.run.entries)
    return [key for *place, key in places if place == [role, row, position]]


def test_assistants_are_steps_of_their_own_architecture(results: ResultSet, summary: Summary) -> None:
    found = keys(results, "step", "kd, assistants(models=mlp(hidden=16))", 1)
    assert len(found) == 2
    assert not {*found} & results.trials.keys()
    row = next(row for row in summary.steps if row.row == "kd, assistants(models=mlp(hidden=16))")
    assert (row.model, row.steps[0].model) == ("mlp(hidden=8)", "mlp(hidden=16, dropout=0.0)")


def test_students_through_assistants_are_compared_with_direct_ones(summary: Summary) -> None:
    plain, dense = summary.assisted
    assert (plain.assisted.row, dense.assisted.row) == ("kd, assistants(models=mlp(hidden=16))", "kd, dense")
    assert plain.direct.row == dense.direct.row == "kd"
    assert plain.gap == plain.teacher.parameters / plain.direct.parameters > 3
    assert plain.gain is not None
    assert plain.gain.estimate.mean == pytest.approx(plain.assisted.top1.mean - plain.direct.top1.mean)
    assert [row[1].text for row in assistants_table(summary).rows] == [plain.assisted.row, "kd, dense"]


def test_every_generation_and_their_ensemble_are_tested(results: ResultSet, summary: Summary) -> None:
    (row,) = summary.generations
    assert list(row.stages) == [1, 2, 3]
    name = "kd, generations(count=3, ensemble=True)"
    correct = [
        {results.records[key].trial.seed: results.trials[key].test.correct for key in keys(results, role, name, at)}
        for role, at in (("stage", 1), ("stage", 2))
    ]
    gain = row.over_first(row.stages[2])
    wanted = crossed_difference(correct[1], correct[0])
    assert gain is not None
    assert wanted is not None
    assert gain.estimate.mean == wanted.estimate.mean
    assert row.over_first(row.stages[1]) is None
    assert row.ensemble is not None
    assert row.ensemble.flops == 3 * row.student.flops
    cells = [(each[1].text, each[7].text) for each in generations_table(summary).rows]
    assert cells == [("1", "2"), ("2", "2"), ("3", "2"), ("all together", "2")]


def test_the_first_generation_is_the_student_of_plain_distillation(results: ResultSet) -> None:
    first = keys(results, "stage", "kd, generations(count=3, ensemble=True)", 1)
    assert first == keys(results, "student", "kd", 0)


def test_the_report_shows_both(summary: Summary, tmp_path: Path) -> None:
    for page in render_report(summary, tmp_path):
        text = page.read_text("utf-8")
        assert "Through assistants" in text
        assert "Test top-1 by generation" in text
