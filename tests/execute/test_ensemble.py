"""The suite of ensembles in miniature, run for real: teachers of two architectures, the ensemble itself, its students."""

from pathlib import Path

import numpy as np
import pytest

from kdbench.analyze import Summary, summarize
from kdbench.report import render_report
from kdbench.report.sections.teaching.ensembles import ensembles_table
from kdbench.results import ResultSet, Store, load_suite_results
from kdbench.spec import Suite
from tests.execute.running import place, run
from tests.small import small_suite

OTHERS = {"use": "ensemble", "count": 1, "others": [{"use": "mlp", "hidden": [16]}], "compared": True}


def miniature() -> Suite:
    ways = [
        "single",
        {**OTHERS, "name": "probabilities"},
        {**OTHERS, "name": "losses", "combine": "losses"},
        {**OTHERS, "name": "shares", "combine": "confidence"},
        {**OTHERS, "name": "logits", "combine": "logits"},
    ]
    train = {"epochs": 2, "batch_size": 64, "views": "shared"}
    return small_suite(teaching=ways, train=train, latency={"batch_sizes": []})


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ensemble")
    run(miniature(), place(root))
    return root


@pytest.fixture(scope="module")
def results(done: Path) -> ResultSet:
    return load_suite_results(Store(done), "small")


@pytest.fixture(scope="module")
def summary(results: ResultSet) -> Summary:
    return summarize(results)


def test_every_student_is_another(results: ResultSet) -> None:
    students = {entry.key for entry in results.run.entries if entry.role == "student"}
    assert len(students) == 2 * 6
    assert students <= results.trials.keys()


def test_the_ensemble_itself_is_deployed_like_any_network(results: ResultSet) -> None:
    ensembles = [entry for entry in results.run.entries if entry.role == "ensemble"]
    assert {entry.model for entry in ensembles} == {"mlp(hidden=32) + mlp(hidden=16, dropout=0.0)"}
    first, *_ = (results.trials[entry.key] for entry in ensembles)
    members = [results.trials[entry.key] for entry in results.run.entries if entry.role in ("teacher", "member")]
    assert first.model.flops == sum(member.model.flops for member in members)
    assert first.parity.flips == 0


def test_the_report_has_teachers_ensembles_and_students(summary: Summary, tmp_path: Path) -> None:
    (team,) = summary.teams
    assert [combine for combine, _ in team.ensembles] == ["probabilities", "logits"]
    names = [row[0].text for row in ensembles_table(summary).rows]
    assert names[:4] == ["teacher 1", "teacher 2", "ensemble, mean of probabilities", "ensemble, mean of logits"]
    assert names[4:] == [
        "kd, the best teacher alone",
        "kd, probabilities",
        "kd, losses",
        "kd, shares",
        "kd, logits",
    ]
    for page in render_report(summary, tmp_path):
        assert "Ensembles of teachers" in page.read_text("utf-8")


def test_students_are_compared_with_that_of_the_best_teacher_on_validation(
    results: ResultSet, summary: Summary
) -> None:
    (team,) = summary.teams
    best = max(range(2), key=lambda number: team.teachers[number][1].validation.mean)
    taught = team.students[0]
    assert taught.single is not None
    assert taught.gain is not None
    wanted = [
        entry.key
        for entry in results.run.entries
        if entry.role in ("student", "step", "stage") and (entry.row == "kd" if best == 0 else entry.position == 2)
    ]
    right = np.mean([results.trials[key].test.top1 for key in dict.fromkeys(wanted)])
    assert taught.single.top1 is not None
    assert taught.single.top1.mean == pytest.approx(right)
