"""The trial: its key is its content, and names what came before by keys alone."""

import pytest
from pydantic import ValidationError

from kdbench.spec import Lesson, Trial
from kdbench.spec.trial import Checkpoint
from tests.small import small_trial


def taught(*teachers: Trial, **changes: object) -> Trial:
    return small_trial(loss="kd", teachers=teachers, **changes)


def test_records_survive_json() -> None:
    one = taught(small_trial(seed=3), start=[small_trial(seed=4).key])
    again = Trial.model_validate_json(one.model_dump_json())
    assert again == one
    assert again.key == one.key


def test_the_key_depends_on_content_alone() -> None:
    assert small_trial().key == small_trial().key
    assert len(small_trial().key) == 16
    guides = [small_trial(seed=seed) for seed in (1, 2)]
    starts = [guide.key for guide in guides]
    changed = [
        small_trial(seed=1),
        small_trial(model="cnn"),
        small_trial(loss="kd"),
        small_trial(train={"epochs": 3}),
        small_trial(train={"epochs": 0}),
        small_trial(view="gaussian_noise"),
        small_trial(data={"use": "digits", "validation": 0.2}),
        taught(guides[0]),
        taught(guides[1]),
        taught(*guides),
        taught(*guides[::-1]),
        taught(*guides, combine="logits"),
        taught(small_trial(seed=1, train={"epochs": 3})),
        small_trial(start=starts[:1]),
        small_trial(start=starts),
        small_trial(start=starts, merge=[1.0, 2.0]),
    ]
    assert len({one.key for one in [small_trial(), *changed]}) == len(changed) + 1


def test_a_changed_copy_has_a_key_of_its_own() -> None:
    one = taught(small_trial(seed=3))
    assert one.model_copy(update={"seed": 5}).key == taught(small_trial(seed=3), seed=5).key != one.key


def test_what_comes_before_is_named_once_teachers_first() -> None:
    first, second = (small_trial(seed=seed) for seed in (1, 2))
    one = taught(first, second, start=[second.key, small_trial(seed=7).key])
    assert one.teachers == (first.key, second.key)
    assert one.parents == (first.key, second.key, small_trial(seed=7).key)


def test_all_lessons_have_their_teachers_before() -> None:
    lessons = [
        {"loss": "kd", "teachers": ["a"]},
        {"loss": "kd", "teachers": ["b", "a"], "combine": "logits"},
        {"loss": "cross_entropy"},
    ]
    assert small_trial(lessons=lessons).parents == ("a", "b")


@pytest.mark.parametrize(
    ("lesson", "reason"),
    [
        ({"teachers": ("a", "b")}, "a lesson with 2 teachers has combine = None"),
        ({"teachers": ("a",), "combine": "logits"}, "a lesson with 1 teachers has combine = 'logits'"),
        ({"combine": "logits"}, "a lesson with 0 teachers"),
        ({"teachers": ("a", "a"), "combine": "logits"}, "a lesson names the same teacher twice"),
    ],
)
def test_teachers_that_cannot_be_combined(lesson: dict[str, object], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Lesson.model_validate({"loss": "kd", **lesson})


def test_every_start_has_a_weight_where_any_has() -> None:
    with pytest.raises(ValidationError, match="1 weights are given to merge 2 trials"):
        small_trial(start=["a", "b"], merge=[1.0])


def test_training_in_8_bits_begins_with_trained_weights() -> None:
    with pytest.raises(ValidationError, match="begins with trained weights: name a trial in start"):
        small_trial(weight_bits=8)


def test_a_trial_learns_something() -> None:
    with pytest.raises(ValidationError):
        small_trial(lessons=[])


TWO = [{"name": "class"}, {"name": "parity", "groups": [[0, 2, 4, 6, 8], [1, 3, 5, 7, 9]]}]
HARD = {"loss": "cross_entropy"}
SOME = {"use": "digits", "labelled": [{"use": "per_class", "count": 1}]}
MIXED = {"epochs": 1, "mixup": 0.2}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"lessons": [{**HARD, "heads": ["class"]}]}, "no head 'class'"),
        ({"lessons": [{**HARD, "heads": ["clas"]}], "heads": TWO}, "no head 'clas'; did you mean 'class'"),
        ({"lessons": [HARD], "heads": TWO, "deploys": "class"}, "a lesson with labels has heads with the same classes"),
        ({"lessons": [{**HARD, "heads": ["class"]}], "heads": TWO}, "what the trial deploys has heads with the same"),
        ({"lessons": [{**HARD, "heads": ["class", "class"]}], "heads": TWO}, "a lesson names a head twice"),
        ({"anchors": ["x"]}, "anchors and anchor_weight are given together"),
        ({"heads": [*TWO, TWO[0]]}, "two heads have the same name"),
        ({"heads": TWO[:1], "train": MIXED}, "leave out mixup or heads"),
        ({"data": SOME, "train": MIXED}, "mixup mixes the labels of two samples, and some have none"),
        (
            {"lessons": [{"loss": "kd", "teachers": ["x"], "peers": ["class"]}], "heads": TWO},
            "a lesson with 2 teachers",
        ),
    ],
)
def test_heads_that_say_nothing_clear_are_refused(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        small_trial(**changes)


def test_what_a_trial_deploys_is_one_head_or_several() -> None:
    lessons = [{**HARD, "heads": ["class"]}]
    assert small_trial(lessons=lessons, heads=TWO, deploys="class").deploys == ("class",)
    assert small_trial(lessons=lessons, heads=TWO, deploys=["class"]).deploys == ("class",)
    assert small_trial(lessons=lessons, heads=TWO, deploys="class").outputs(10) == 12
    assert small_trial().outputs(10) == 10


def test_a_record_from_before_there_were_heads_is_read() -> None:
    trial = small_trial()
    content = trial.model_dump(mode="json")
    content["lessons"][0] = {name: content["lessons"][0][name] for name in ("loss", "teachers")} | {"head": None}
    assert Trial.model_validate(content).key == trial.key


def test_weights_from_elsewhere_are_in_the_key_by_their_content() -> None:
    def brought(**weights: object) -> Trial:
        return small_trial(train={"epochs": 0}, weights=weights)

    one = brought(file="a.pt", sha256="0" * 64)
    assert one.key == brought(file="b.pt", sha256="0" * 64).key
    others = [
        brought(file="a.pt", sha256="1" * 64),
        brought(file="a.pt", sha256="0" * 64, pixels="unit"),
        brought(published="V1"),
        brought(published="V2"),
        small_trial(train={"epochs": 0}),
    ]
    assert len({one.key, *(other.key for other in others)}) == 6
    assert Trial.model_validate_json(one.model_dump_json()) == one


def test_weights_from_elsewhere_are_not_trained() -> None:
    for changes in ({"train": {"epochs": 1}}, {"train": {"epochs": 0}, "start": [small_trial().key]}):
        with pytest.raises(ValidationError, match="a trial with weights from elsewhere is not trained"):
            small_trial(weights="a.pt", **changes)
    tuned = {"file": "a.pt", "tune": True}
    assert not small_trial(weights=tuned).is_given
    with pytest.raises(ValidationError, match="is not trained, unless they say tune"):
        small_trial(weights=tuned, train={"epochs": 0})


def test_published_weights_are_of_imagenet_unless_they_say_otherwise() -> None:
    assert Checkpoint.model_validate({"published": "V1"}).pixels == "imagenet"
    assert Checkpoint.model_validate({"published": "V1", "pixels": "unit"}).pixels == "unit"
    assert Checkpoint.model_validate("a/b.pt") == Checkpoint(file="a/b.pt")
    assert Checkpoint(file="a/b.pt").label == "b.pt"
