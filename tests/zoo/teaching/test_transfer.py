"""Which trials lie between a source domain and a student on a target domain."""

import pytest

from kdbench import api
from kdbench.spec import Suite, Trial, UserError
from tests.small import small_suite

SOURCE = {"use": "fashion_mnist"}


def suite(**options: object) -> Suite:
    way = {"use": "transfer", "source": SOURCE, "share": 0.5, **options}
    return small_suite(seeds=2, teaching=[way], losses=["cross_entropy", "kd"])


def trials(**options: object) -> dict[tuple[str, int, int], Trial]:
    """Those of the row kd under `transfer`, by role, position and seed, with its control."""
    plan = api.plan(suite(**options))
    rows = [entry for entry in plan.entries if entry.teaching]
    return {(f"{entry.loss} {entry.role}", entry.position, entry.seed): plan.trials[entry.key] for entry in rows}


def test_by_features_a_teacher_of_the_source_teaches_on_the_target() -> None:
    found = trials(by="features", source_share=0.1)
    teacher, student = found["kd step", 1, 1], found["kd student", 2, 1]
    assert teacher.data.dataset.use == "fashion_mnist"
    assert [part.options for part in teacher.data.parts] == [{"share": 0.1}]
    assert (student.teachers, student.data.dataset.use) == ((teacher.key,), "digits")
    assert [part.options for part in student.data.parts] == [{"share": 0.5, "seed": 1}]
    assert teacher.data.validation == student.data.validation


def test_by_head_the_teacher_learns_the_target_with_columns_of_its_own() -> None:
    found = trials(by="head")
    known, tuned, student = found["kd step", 1, 1], found["kd step", 2, 1], found["kd student", 3, 1]
    assert [trial.data.dataset.use for trial in (known, tuned, student)] == ["fashion_mnist", "digits", "digits"]
    assert (tuned.start, student.teachers) == ((known.key,), (tuned.key,))
    assert [trial.lessons[0].heads for trial in (known, tuned, student)] == [("source",), ("target",), ("target",)]
    assert (known.outputs(10), student.outputs(10)) == (20, 10)


def test_the_student_alone_has_the_same_samples_and_epochs() -> None:
    found = trials(by="head")
    alone, student, tuned = found["cross_entropy student", 0, 1], found["kd student", 3, 1], found["kd step", 2, 1]
    assert alone.data == student.data == tuned.data
    assert alone.train == student.train == tuned.train
    assert alone.train.epochs == 4  # half of the samples for twice the epochs


def test_a_dataset_that_there_is_not_is_refused() -> None:
    with pytest.raises(UserError, match="unknown dataset 'mnits'"):
        api.plan(suite(source="mnits"))
