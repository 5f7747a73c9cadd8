"""Which trials an ensemble of teachers makes."""

import pytest

from kdbench import api
from kdbench.spec import UserError
from tests.small import small_suite

OTHER = {"use": "cnn", "width": 2}


def planned(**options: object) -> tuple[dict[str, list[str]], api.Plan]:
    """The keys of a plan's entries by role, and the plan."""
    plan = api.plan(small_suite(seeds=1, losses=["kd"], teaching=[{"use": "ensemble", **options}]))
    found: dict[str, list[str]] = {}
    for entry in plan.entries:
        found.setdefault(entry.role, []).append(entry.key)
    return found, plan


@pytest.mark.parametrize("combine", ["probabilities", "logits", "losses", "confidence"])
def test_an_ensemble_of_one_is_the_usual_student(combine: str) -> None:
    keys, _ = planned(count=1, combine=combine, compared=True)
    usual = api.plan(small_suite(seeds=1, losses=["kd"]))
    assert {key for each in keys.values() for key in each} == usual.trials.keys()


def test_teachers_of_other_architectures_are_trained_as_those_of_the_pair() -> None:
    keys, plan = planned(count=2, others=[OTHER])
    (student,) = keys["student"]
    (lesson,) = plan.trials[student].lessons
    assert lesson.teachers == (*keys["teacher"], *keys["member"])
    (member,) = (plan.trials[key] for key in keys["member"])
    teacher = plan.trials[keys["teacher"][0]]
    assert (member.model.use, member.seed, member.train) == ("cnn", 0, teacher.train)
    assert member.model.options["width"] == 2


def test_the_ensemble_itself_holds_its_teachers() -> None:
    keys, plan = planned(count=2, others=[OTHER], compared=True, combine="losses")
    (ensemble,) = (plan.trials[key] for key in keys["ensemble"])
    assert ensemble.start == (*keys["teacher"], *keys["member"])
    assert (ensemble.combine, ensemble.train.epochs) == ("probabilities", 0)
    (entry,) = (entry for entry in plan.entries if entry.role == "ensemble")
    assert entry.model.startswith("2 x mlp(hidden=32) + cnn(width=2")
    assert {*keys["ensemble"], *keys["member"]} <= plan.reported


def test_the_mean_of_losses_is_a_lesson_for_each_teacher() -> None:
    keys, plan = planned(count=4, combine="losses")
    lessons = plan.trials[keys["student"][0]].lessons
    assert [lesson.teachers for lesson in lessons] == [(key,) for key in keys["teacher"]]
    assert {lesson.weight for lesson in lessons} == {1 / 4}


def test_the_same_teachers_are_one_ensemble_at_every_seed() -> None:
    suite = small_suite(seeds=3, losses=["kd"], teaching=[{"use": "ensemble", "count": 2, "compared": True}])
    assert len({entry.key for entry in api.plan(suite).entries if entry.role == "ensemble"}) == 1


def test_more_than_five_teachers_are_refused() -> None:
    with pytest.raises(UserError, match="4 teachers of the pair's kind and 2 others; allowed are at most 5"):
        planned(count=4, others=[OTHER, "mlp"])


@pytest.mark.parametrize("others", [[OTHER, OTHER], [{"use": "mlp", "hidden": [32]}]])
def test_the_same_teacher_twice_is_refused(others: list[object]) -> None:
    """The mean of losses would count it twice without a word."""
    with pytest.raises(UserError, match="an ensemble has the same teacher twice"):
        planned(count=1, others=others, combine="losses")


def test_a_model_that_there_is_not_is_refused() -> None:
    with pytest.raises(UserError, match="unknown model 'cmm'"):
        planned(count=1, others=["cmm"])


def test_a_student_of_each_single_teacher_is_tested_for_comparison() -> None:
    keys, plan = planned(count=2, others=[OTHER], compared=True)
    taught = [plan.trials[key].teachers for key in keys["stage"]]
    assert taught == [(key,) for key in (*keys["teacher"], *keys["member"])]
    assert {*keys["stage"]} <= plan.evaluated
