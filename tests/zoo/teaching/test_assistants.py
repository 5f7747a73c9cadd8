"""Which trials lie between a teacher and a student with assistants."""

import pytest

from kdbench import api
from kdbench.spec import Trial, UserError
from tests.small import small_suite

MODELS = [{"use": "mlp", "hidden": [24]}, {"use": "mlp", "hidden": [16]}]


def chain(**options: object) -> list[Trial]:
    """Assistants and student, in order, each after those that teach it."""
    plan = api.plan(small_suite(seeds=1, losses=["kd"], teaching=[{"use": "assistants", "models": MODELS, **options}]))
    places = [(entry.position, entry.role) for entry in plan.entries]
    assert places == [(0, "teacher"), (1, "step"), (2, "step"), (3, "student")]
    return [plan.trials[entry.key] for entry in plan.entries]


def test_each_teaches_the_next() -> None:
    teacher, *taught = chain()
    assert [trial.model.options["hidden"] for trial in taught] == [[24], [16], [8]]
    assert [trial.teachers for trial in taught] == [(teacher.key,), (taught[0].key,), (taught[1].key,)]
    assert {trial.seed for trial in taught} == {0}


def test_densely_guided_everyone_learns_from_all_before() -> None:
    trials = chain(dense=True)
    for number, trial in enumerate(trials):
        assert trial.teachers == tuple(before.key for before in trials[:number])
        assert all(lesson.weight == 1 / number for lesson in trial.lessons if lesson.teachers)


def test_the_first_assistant_is_the_same_with_and_without_dense() -> None:
    assert chain()[1].key == chain(dense=True)[1].key


def test_without_assistants_it_is_refused() -> None:
    with pytest.raises(UserError, match="'assistants' has no models"):
        chain(models=[])
