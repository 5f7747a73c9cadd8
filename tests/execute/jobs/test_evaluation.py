"""Scores and agreement of artifacts: what fails is missing with its reason, and the rest is computed."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kdbench.deploy.runtime.evaluate import agree, predict_all
from kdbench.execute.jobs import evaluation as evaluation_jobs
from kdbench.execute.jobs.context import Context
from kdbench.execute.jobs.samples import chunks_of_test
from kdbench.results import Store, load_suite_results
from kdbench.spec import Lesson, Suite, Trial
from tests.execute.jobs.test_metrics import THEIRS
from tests.execute.running import place, run
from tests.small import small_suite

TOP_1 = {"use": "top_k", "k": 1}


def suite(*metrics: object, **changes: object) -> Suite:
    return small_suite(**{"seeds": 1, "latency": {"batch_sizes": []}, "metrics": list(metrics), **changes})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with two teachers and four students, and one metric."""
    root = tmp_path_factory.mktemp("trained")
    run(suite(TOP_1, seeds=2, teacher_seeds=2), place(root))
    return root


@pytest.fixture
def root(trained: Path, tmp_path: Path) -> Iterator[Path]:
    return Path(shutil.copytree(trained, tmp_path / "results"))


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "their_metrics.py").write_text(THEIRS)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("their_metrics", None)


def test_a_score_is_of_the_exported_file_on_the_test_split(trained: Path) -> None:
    results = load_suite_results(Store(trained), "small")
    assert len(results.evaluations) == len(results.trials) == 6
    for trial in results.trials.values():
        assert results.scores(trial.exported.clean) == {"top_k(k=1)": trial.test.top1}  # of the very same file


def test_a_metric_that_fails_is_missing_with_its_reason_and_the_others_are_computed(root: Path, theirs: None) -> None:
    asked = [{"use": f"their_metrics:{name}", "name": name} for name in ("fussy", "broken", "not_finite", "many")]
    wanted = suite(*asked, {"use": "top_k", "k": 11}, "macro_f1")
    notes = (
        "metric 'fussy' was not computed: it wants a thousand classes",
        "metric 'broken' was not computed: RuntimeError: struck by lightning",
        "metric 'not_finite' was not computed: it gave nan, not a finite number",
        "metric 'many' was not computed: it gave an array of the shape (10,), not a number",
        "metric 'top_k(k=11)' was not computed: k is 11, but the model tells only 10 classes apart",
    )
    for _ in range(2):  # the second run finds all evaluations there, and says the same
        record, _ = run(wanted, place(root, plugins=("their_metrics",)))
        assert record.notes == notes
    assert {outcome.status for outcome in record.outcomes.values()} == {"done"}
    results = load_suite_results(Store(root), "small")
    for evaluation in results.evaluations.values():
        assert results.scores(evaluation).keys() == {"macro_f1"}
        assert evaluation.missing["their_metrics:fussy"] == "it wants a thousand classes"
        assert len(evaluation.missing) == 5


def test_edited_code_is_another_evaluation(root: Path, theirs: None, tmp_path: Path) -> None:
    first, _ = run(suite("their_metrics:whole"), place(root, plugins=("their_metrics",)))
    (tmp_path / "their_metrics.py").write_text(f"{THEIRS}\n# edited\n")
    second, _ = run(suite("their_metrics:whole"), place(root, plugins=("their_metrics",)))
    assert not {*first.evaluations} & {*second.evaluations}
    results = load_suite_results(Store(root), "small")
    assert {found.scores["their_metrics:whole"] for found in results.evaluations.values()} == {359.0}


def test_a_student_is_held_against_its_own_teacher(trained: Path) -> None:
    """As exported both: ONNX Runtime and torch differ in the last bits alone."""
    store, results = Store(trained), load_suite_results(Store(trained), "small")
    splits = Context(place(trained).setting()).splits(suite().data)
    entries = {(e.role, e.loss, e.seed): results.trials[e.key] for e in results.run.entries}
    for seed in (0, 1):
        student, teacher = entries["student", "kd", seed], entries["teacher", "cross_entropy", seed]
        files = [store.onnx(student.exported.key), store.onnx(teacher.exported.key)]
        (own, taught), _ = predict_all(files, chunks_of_test(splits))
        expected = agree(own, taught)
        assert student.agreement is not None
        assert student.agreement.top1 == expected.top1
        assert student.agreement.kl == pytest.approx(expected.kl, rel=1e-4)
        assert entries["student", "cross_entropy", seed].agreement is None
        assert teacher.agreement is None


def test_students_of_several_teachers_are_held_against_their_mean_at_their_own_temperature(tmp_path: Path) -> None:
    losses = [{"use": "kd", "name": f"at {t}", "temperature": t} for t in (1.0, 20.0)]
    way = {"use": "ensemble", "count": 2, "combine": "confidence"}
    run(suite(losses=losses, teaching=[way], train={"epochs": 1, "batch_size": 64}), place(tmp_path))
    context = Context(place(tmp_path).setting())
    splits, results = context.splits(suite().data), load_suite_results(context.store, "small")
    for entry, student in results.done:
        if entry.role == "student":
            (lesson,) = Trial.model_validate(student.trial).lessons
            taught = evaluation_jobs._teacher_logits(lesson, splits, context)
            (own,), _ = predict_all([context.store.onnx(student.exported.key)], chunks_of_test(splits))
            assert student.agreement is not None
            assert student.agreement.kl == pytest.approx(agree(own, taught).kl, rel=1e-4)


def test_a_teachers_logits_are_computed_once_for_all_its_students(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = evaluation_jobs._teacher_logits

    def count(lesson: Lesson, *rest: object) -> np.ndarray:
        asked.extend(lesson.teachers)
        return real(lesson, *rest)

    monkeypatch.setattr(evaluation_jobs, "_teacher_logits", count)
    record, _ = run(suite("macro_f1", seeds=2, teacher_seeds=2, losses=["kd", "logit_mse"]), place(root))
    assert sorted(asked) == sorted(entry.key for entry in record.entries if entry.role == "teacher")
