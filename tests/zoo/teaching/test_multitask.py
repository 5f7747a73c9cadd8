"""multitask: which trials it makes, and of what they learn."""

import pytest

from kdbench import api
from kdbench.spec import Trial, UserError
from tests.small import small_suite

PARITY = [[0, 2, 4, 6, 8], [1, 3, 5, 7, 9]]


def made(loss: str, **options: object) -> dict[tuple[str, int], list[Trial]]:
    """By role and position the trials of the row of one seed."""
    way = {"use": "multitask", "options": {"groups": PARITY, "task": "parity", **options}, "name": "multitask"}
    plan = api.plan(small_suite(seeds=1, teaching=["single", way], losses=["cross_entropy", loss]))
    found: dict[tuple[str, int], list[Trial]] = {}
    for entry in plan.entries:
        if entry.loss == loss and entry.teaching == "multitask":
            found.setdefault((entry.role, entry.position), []).append(plan.trials[entry.key])
    return found


def test_a_teacher_a_task_and_a_student_with_both_heads() -> None:
    found = made("kd")
    (teacher,), (plain, single), (joint,) = found["stage", 1], found["stage", 2], found["student", 3]
    (usual,) = plain.teachers
    assert [head.name for head in teacher.heads] == [head.name for head in single.heads] == ["parity"]
    assert single.teachers == (teacher.key,)
    assert plain.heads == ()
    assert [head.name for head in joint.heads] == ["class", "parity"]
    assert joint.deploys == ("class",)
    assert [(each.heads, each.teachers) for each in joint.lessons] == [
        (("class",), (usual,)),
        (("parity",), (teacher.key,)),
    ]
    (other,) = found["stage", 3]
    assert (other.start, other.deploys, other.train.epochs) == ((joint.key,), ("parity",), 0)


def test_without_a_teacher_the_same_students_learn_from_labels() -> None:
    found = made("label_smoothing")
    assert found.keys() == {("stage", 2), ("stage", 3), ("student", 3)}
    assert all(trial.teachers == () for trials in found.values() for trial in trials)


def test_heads_that_are_claimed_twice() -> None:
    with pytest.raises(UserError, match="two heads have the same name: class, class"):
        made("kd", task="class")
    with pytest.raises(UserError, match="head 'parity' has class 1 twice") as told:
        made("kd", groups=[[0, 1], [1]])
    assert told.value.problems[0].help == "change its options: see `kdbench show multitask`"


def test_one_group_is_refused() -> None:
    with pytest.raises(UserError, match=r"'multitask' has 1 group of classes.*\n.*help: give two groups or more"):
        made("kd", groups=[list(range(10))])
