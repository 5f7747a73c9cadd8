"""Which trials few samples ask for."""

from typing import Any

import pytest

from kdbench import api
from kdbench.spec import Trial, UserError
from tests.small import small_suite

TENTH = {"use": "fraction", "options": {"share": 0.1}, "origin": None}


def planned(seeds: int = 1, **options: Any) -> dict[tuple[str, str, int], Trial]:
    """The trials of `kd` and of the student alone, by role, loss and seed."""
    plan = api.plan(small_suite(seeds=seeds, teaching=[{"use": "scarce", **options}]))
    return {
        (entry.role, entry.loss, entry.seed): plan.trials[entry.key]
        for entry in plan.entries
        if entry.teaching or entry.role == "teacher"
    }


def parts(trial: Trial) -> list[dict[str, Any]]:
    return [part.model_dump() for part in trial.data.parts]


def test_student_and_control_get_the_same_part_for_as_many_epochs() -> None:
    found = planned(share=0.1)
    kd, alone = found["student", "kd", 0], found["student", "cross_entropy", 0]
    assert parts(kd) == parts(alone) == [TENTH]
    assert kd.train == alone.train
    assert kd.train.epochs == 2 * 10
    assert kd.teachers == (found["teacher", "cross_entropy", 0].key,)
    assert alone.teachers == ()


def test_epochs_are_those_that_show_as_many_samples_as_all_and_at_most_so_many() -> None:
    epochs = [
        planned(**options)["student", "kd", 0].train.epochs
        for options in ({"share": 0.5}, {"share": 0.01}, {"share": 0.01, "longer": 1.0}, {"per_class": 5})
    ]
    assert epochs == [4, 20, 2, 20]


def test_each_seed_has_a_part_of_its_own() -> None:
    found = planned(seeds=2, per_class=5)
    assert [parts(found["student", "kd", seed])[0]["options"] for seed in (0, 1)] == [
        {"count": 5},
        {"count": 5, "seed": 1},
    ]


def test_a_teacher_may_have_the_same_part() -> None:
    found = planned(share=0.1, teacher="part")
    step = found["step", "kd", 0]
    assert found["student", "kd", 0].teachers == (step.key,)
    assert parts(step) == [TENTH]
    assert step.model == found["teacher", "cross_entropy", 0].model
    assert step.train.epochs == 2 * 10


def test_the_rest_without_labels_is_a_lesson_of_its_own() -> None:
    found = planned(share=0.1, rest="unlabelled")
    kd, alone = found["student", "kd", 0], found["student", "cross_entropy", 0]
    assert parts(kd) == []
    assert [part.model_dump() for part in kd.data.labelled] == [TENTH]
    assert [lesson.labels for lesson in kd.lessons] == [True, False]
    assert {lesson.teachers for lesson in kd.lessons} == {kd.teachers}
    assert kd.train.epochs == 2
    assert alone == planned(share=0.1)["student", "cross_entropy", 0]


@pytest.mark.parametrize("options", [{}, {"teacher": "part"}, {"rest": "unlabelled"}])
def test_all_samples_are_the_usual_way(options: dict[str, str]) -> None:
    usual = set(api.plan(small_suite()).trials)
    assert set(api.plan(small_suite(teaching=[{"use": "scarce", "share": 1.0, **options}])).trials) == usual


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, "takes either share or per_class: neither is given"),
        ({"share": 0.1, "per_class": 5}, "takes either share or per_class: share = 0.1 and per_class = 5"),
        ({"share": 0.0}, "option 'share' of 'scarce' is 0.0"),
        ({"share": 1.5}, "option 'share' of 'scarce' is 1.5"),
        ({"per_class": 0}, "option 'per_class' of 'scarce' is 0"),
        ({"share": 0.1, "rest": "hidden"}, "option 'rest' of 'scarce' is \"hidden\""),
    ],
)
def test_what_it_cannot_give_is_refused(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        planned(**options)
