import pytest
from pydantic import ValidationError

from kdbench.spec.task import (
    Head,
    HeadSpec,
    Input,
    Task,
    classes_of,
    misfit,
    overlap,
    pixels_from_standard,
    select_columns,
)

IMAGES = Input(shape=(1, 8, 8), dtype="uint8", mean=(4.0,), std=(6.0,))


def test_a_task_survives_json() -> None:
    task = Task(inputs=(IMAGES,), heads=(Head(classes=2, class_names=("cat", "dog")),))
    assert Task.model_validate_json(task.model_dump_json()) == task


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: Head(classes=3, class_names=("cat", "dog")), "head 'class' has 3 classes and 2 names"),
        (lambda: Input(shape=(3, 8, 8), dtype="uint8", mean=(4.0,), std=(6.0,)), "has 1 means and 1 deviations"),
        (lambda: Input(shape=(1, 8, 8), dtype="uint8", mean=(4.0,), std=(0.0,)), "greater than 0"),
        (lambda: Task(inputs=(), heads=(Head(classes=2),)), "at least 1 item"),
    ],
)
def test_what_does_not_fit_is_refused(make, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        make()


# Heads of a trial by hand: four classes, one head for all, one for parity, two for the tasks of a stream.
CLASS = HeadSpec(name="class")
PARITY = HeadSpec(name="parity", groups=((0, 2), (1, 3)))
FIRST, SECOND = HeadSpec(name="first", groups=((2,), (0,))), HeadSpec(name="second", groups=((1,), (3,)))


def test_columns_stand_one_head_after_the_other() -> None:
    both = (CLASS, PARITY)
    assert select_columns(both, (), 4).places == (0, 1, 2, 3, 4, 5)
    assert select_columns(both, ("parity",), 4).places == (4, 5)
    assert select_columns(both, ("parity", "class"), 4).places == (4, 5, 0, 1, 2, 3)
    assert select_columns(both, ("parity",), 4).groups == ((0, 2), (1, 3))


def test_a_class_has_the_column_of_its_group() -> None:
    assert select_columns((PARITY,), (), 4).of_classes(4) == (0, 1, 0, 1)
    assert select_columns((FIRST, SECOND), (), 4).of_classes(4) == (1, 2, 0, 3)
    assert select_columns((FIRST, SECOND), ("second",), 4).of_classes(4) == (-1, 0, -1, 1)


def test_heads_that_have_a_class_twice() -> None:
    assert not overlap([CLASS])
    assert not overlap([FIRST, SECOND])
    assert overlap([FIRST, PARITY])
    assert overlap([CLASS, FIRST])
    with pytest.raises(ValidationError, match="head 'x' has class 3 twice"):
        HeadSpec(name="x", groups=((3,), (1, 3)))
    with pytest.raises(ValidationError, match="head 'x' has a column that stands for no class"):
        HeadSpec(name="x", groups=((3,), ()))


def test_what_does_not_fit_the_dataset() -> None:
    assert misfit((FIRST, SECOND), 4) == misfit((CLASS,), 3) == misfit((), 4) == ""
    assert misfit((FIRST, SECOND), 3) == "head 'second' has class 3, and the dataset has 3 classes: 0 to 2"
    assert misfit((FIRST,), 4) == "no head has class 1, and the dataset has 4 classes: 0 to 3"


def test_the_classes_that_some_heads_know() -> None:
    assert classes_of((FIRST, SECOND), ("first",)) == {0, 2}
    assert classes_of((FIRST, SECOND), ()) == classes_of((PARITY,), ()) == {0, 1, 2, 3}
    assert (
        classes_of((CLASS, PARITY), ()) is classes_of((CLASS, PARITY), ("class",)) is classes_of((CLASS,), ()) is None
    )


COLOURS = Input(shape=(3, 8, 8), dtype="uint8", mean=(51.0, 102.0, 0.0), std=(25.5, 51.0, 255.0))


def test_pixels_by_hand() -> None:
    # A pixel x as kdbench normalizes it was 51 + 25.5 x of 255 in the first channel: .2 + .1 x.
    assert pixels_from_standard("standard", COLOURS) == ((1.0,) * 3, (0.0,) * 3)
    assert pixels_from_standard("raw", COLOURS) == ((25.5, 51.0, 255.0), (51.0, 102.0, 0.0))
    assert pixels_from_standard("unit", COLOURS) == ((0.1, 0.2, 1.0), (0.2, 0.4, 0.0))
    factor, offset = pixels_from_standard("imagenet", COLOURS)
    assert factor == pytest.approx((0.1 / 0.229, 0.2 / 0.224, 1 / 0.225))
    assert offset == pytest.approx(((0.2 - 0.485) / 0.229, (0.4 - 0.456) / 0.224, -0.406 / 0.225))


def test_pixels_that_are_stored_from_0_to_1_are_so_already() -> None:
    floats = Input(shape=(1, 8, 8), dtype="float32", mean=(0.5,), std=(0.25,))
    assert pixels_from_standard("unit", floats) == ((0.25,), (0.5,))


def test_imagenet_has_three_channels() -> None:
    with pytest.raises(ValueError, match="for images of 3 channels, and these have 1"):
        pixels_from_standard("imagenet", IMAGES)
