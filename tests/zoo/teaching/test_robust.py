"""robust: which trials it makes, and of what they learn."""

from kdbench import api
from kdbench.spec import Trial
from tests.small import small_suite

ATTACK = {"epsilon": 0.2, "steps": 3}


def made(**options: object) -> dict[str, list[Trial]]:
    """By row and role the trials of one seed, in the order of their positions."""
    way = {"use": "robust", "options": {**ATTACK, **options}, "name": "robust"}
    plan = api.plan(small_suite(seeds=1, teaching=["single", way], losses=["cross_entropy", "kd"]))
    found: dict[str, list[Trial]] = {}
    for entry in plan.entries:
        found.setdefault(f"{entry.row} {entry.role}", []).append(plan.trials[entry.key])
    return found


def test_the_student_alone_is_trained_under_the_attack() -> None:
    (alone,) = made()["cross_entropy, robust student"]
    assert (alone.view.use, alone.view.options) == ("pgd", {**ATTACK, "target": "labels"})
    assert alone.teachers == ()


def test_a_taught_student_learns_from_a_teacher_that_was_trained_so_too() -> None:
    found = made()
    (teacher,), (student,) = found["kd, robust step"], found["kd, robust student"]
    assert student.teachers == (teacher.key,)
    assert student.view == teacher.view == found["cross_entropy, robust student"][0].view
    (plain,) = found["cross_entropy teacher"]
    assert teacher == plain.model_copy(update={"view": teacher.view})
    assert [each.clean for each in student.lessons] == [False]


def test_rslad_is_attacked_away_from_its_teacher_and_learns_from_clean_images_as_well() -> None:
    found = made(inner="teacher", clean=0.25)
    (student,) = found["kd, robust student"]
    assert student.view.options["target"] == "teacher"
    assert [(each.weight, each.clean) for each in student.lessons] == [(0.75, False), (0.25, True)]
    (teacher,) = found["kd, robust step"]
    assert teacher.view.options["target"] == "labels"  # who has no teacher is attacked away from the labels
    (alone,) = found["cross_entropy, robust student"]
    assert alone.view.options["target"] == "labels"
