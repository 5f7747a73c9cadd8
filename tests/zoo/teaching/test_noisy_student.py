"""Rounds of noisy students."""

from kdbench import api
from kdbench.spec import Choice
from tests.small import small_suite

TENTH = Choice(use="fraction", options={"share": 0.1})
NOISE = Choice(use="gaussian_noise", options={"sd": 0.5})


def test_each_student_labels_for_the_next_under_noise() -> None:
    plan = api.plan(small_suite(seeds=1, teaching=[{"use": "noisy_student", "count": 2}]))
    mine = [entry for entry in plan.entries if entry.loss == "kd"]
    teacher, first, last = (plan.trials[entry.key] for entry in mine)
    assert [(entry.role, entry.position) for entry in mine] == [("step", 1), ("step", 2), ("student", 3)]
    assert (teacher.data.parts, teacher.view.use) == ((TENTH,), "clean")
    assert (first.teachers, last.teachers) == ((teacher.key,), (first.key,))
    for student in (first, last):
        assert (student.data.parts, student.data.labelled, student.view) == ((), (TENTH,), NOISE)
        assert [lesson.labels for lesson in student.lessons] == [True, False]


def test_the_student_alone_has_the_same_labels_and_the_same_noise() -> None:
    plan = api.plan(small_suite(seeds=1, teaching=["noisy_student"]))
    (alone,) = (plan.trials[e.key] for e in plan.entries if e.teaching and e.loss == "cross_entropy")
    assert (alone.data.parts, alone.view, alone.train.epochs) == ((TENTH,), NOISE, 20)
