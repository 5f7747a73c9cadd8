"""What is wrong with a dataset is refused in one sentence, and what is odd is told."""

from typing import Any

import numpy as np
import pytest
import torch

from kdbench.spec import Choice, DataSpec, UserError
from kdbench.zoo import Dataset, Split
from kdbench.zoo.datasets.digits import digits
from kdbench.zoo.datasets.examined import count_shared, examine
from kdbench.zoo.datasets.splits import split
from kdbench.zoo.streamed import Streamed

IMAGES = torch.arange(40, dtype=torch.float32).reshape(10, 1, 2, 2)
LABELS = torch.tensor([0, 1, 2] * 3 + [0])
GOOD = Split(IMAGES, LABELS)


def made_up(train: Any = GOOD, test: Any = GOOD, classes: Any = 3, **more: Any) -> Dataset:
    return Dataset(train, test, classes, **more)


def photos(*shape: int) -> Dataset:
    part = Split(torch.zeros(10, *shape), LABELS)
    return made_up(part, part)


def with_a_pixel(value: float) -> Split:
    images = IMAGES.clone()
    images[3, 0, 1, 0] = value
    return Split(images, LABELS)


BAD = {
    "no dataset": ((GOOD, GOOD, 3), r"'x' gives a tuple, not a Dataset\n  help: return kdbench\.Dataset"),
    "one class": (made_up(classes=1), r"classes = 1\n  help: give a whole number, at least 2"),
    "classes of numpy": (made_up(classes=np.int64(3)), r"classes = .*3"),
    "a name twice": (made_up(class_names=("a", "b", "b")), "3 classes and 2 different names of them"),
    "too few names": (made_up(class_names=("a",)), "3 classes and 1 different names of them"),
    "a name of bytes": (made_up(class_names=("a", "b", "\udcff")), r"a class named '\\udcff'\n  help: give names"),
    "numbers as names": (made_up(class_names=(0, 1, 2)), "a class named 0"),
    "images of numpy": (made_up(Split(IMAGES.numpy(), LABELS)), r"training images in a ndarray\n  help: give a tensor"),  # type: ignore[arg-type]
    "no channels": (photos(28, 28), r"training images \[10, 28, 28\] float32\n  help: give images \[N, channels"),
    "no pixels": (photos(1, 0, 28), r"training images \[10, 1, 0, 28\]"),
    "float64": (made_up(Split(IMAGES.double(), LABELS)), r"float64\n  help: give uint8 or float32: images\.float\(\)"),
    "channels last": (photos(32, 48, 3), r"\[10, 32, 48, 3\] float32, which look like \[N, height, width, channels\]"),
    "grey channels last": (photos(28, 28, 1), "which look like"),
    "NaN": (made_up(with_a_pixel(float("nan"))), "1 values in training images that are NaN or infinite"),
    "infinite": (made_up(test=with_a_pixel(float("inf"))), "1 values in test images that are NaN or infinite"),
    "labels of numpy": (made_up(Split(IMAGES, LABELS.numpy())), "training labels a ndarray"),  # type: ignore[arg-type]
    "labels as floats": (made_up(Split(IMAGES, LABELS.float())), r"training labels \[10\] float32\n  help: .*labels\.long"),
    "labels in columns": (made_up(Split(IMAGES, torch.eye(3).long()[LABELS])), r"training labels \[10, 3\] int64"),
    "fewer labels": (made_up(Split(IMAGES, LABELS[:9])), "10 training images and 9 labels"),
    "nothing": (made_up(test=Split(IMAGES[:0], LABELS[:0])), "0 test images and 0 labels"),
    "no such class": (made_up(Split(IMAGES, LABELS + 1)), "training labels from 1 to 3, but 3 classes: allowed are 0 to 2"),
    "other sizes": (made_up(test=Split(IMAGES[..., :1], LABELS)), r"training images \[10, 1, 2, 2\] float32 and test .* 1\]"),
    "other types": (made_up(test=Split(IMAGES.byte(), LABELS)), "float32 and test images .* uint8\n  help: give both"),
    "one class is trained on": (made_up(Split(IMAGES, LABELS * 0)), "training samples of a single class"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_used_is_refused_with_what_to_do(case) -> None:
    dataset, message = BAD[case]
    with pytest.raises(UserError, match=message) as error:
        examine(dataset, "x")
    (problem,) = error.value.problems
    assert problem.what.startswith("dataset 'x' ")
    assert problem.help


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 1, 10), (10, 1, 1), (64, 1, 4), (4, 4, 3), (8, 100, 1), (6, 5, 5)])
def test_what_may_be_meant_so_is_taken(shape) -> None:
    assert examine(photos(*shape), "x") == ()


PIXELS = torch.tensor([0.0, 1.0]).repeat(20, 2).reshape(20, 1, 2, 2)  # mean .5, SD .503
SIMILAR = {"alike": PIXELS, "darker": PIXELS * 0.6, "brighter": PIXELS + 0.4}
UNLIKE = {
    "of bytes": (PIXELS * 255, "mean 128 and SD 128, against 0.5 and 0.503"),
    "normalized": (PIXELS * 4 - 2, "mean 0 and SD 2.01, against 0.5 and 0.503"),
    "from -1 to 1": (PIXELS * 2 - 1.5, "mean -0.5 and SD 1.01, against 0.5 and 0.503"),
    "shifted": (PIXELS + 1, "mean 1.5 and SD 0.503, against 0.5 and 0.503"),
    "black": (PIXELS * 0, "mean 0 and SD 0, against 0.5 and 0.503"),
}


def of_scales(train: torch.Tensor, test: torch.Tensor) -> tuple[str, ...]:
    labels = (torch.arange(20) % 3)[: len(test)]
    return examine(made_up(Split(train, torch.arange(20) % 3), Split(test, labels)), "x")


@pytest.mark.parametrize("case", SIMILAR)
def test_a_test_split_that_is_a_little_unlike_is_taken(case) -> None:
    assert of_scales(PIXELS, SIMILAR[case]) == of_scales(SIMILAR[case], PIXELS) == ()


@pytest.mark.parametrize("case", UNLIKE)
def test_test_images_of_another_scale_are_told(case) -> None:
    images, figures = UNLIKE[case]
    (note,) = of_scales(PIXELS, images)
    assert note == (
        f"dataset 'x' has test images of another scale than its training images: {figures}; "
        "if that is not meant, prepare both alike"
    )
    assert len(of_scales(images, PIXELS)) == 1
    assert of_scales(PIXELS, images[:19]) == ()  # too few to say


def test_images_that_stay_on_the_host_have_their_scale_looked_at_alike() -> None:
    labels = torch.arange(20) % 3
    train, test = (Split(Streamed.of(images), labels) for images in (PIXELS, PIXELS * 255))
    assert "of another scale" in examine(made_up(train, test), "x")[0]


def test_digits_have_one_scale() -> None:
    assert examine(digits(None), "digits") == ()


def test_it_is_looked_at_before_anything_else_and_streamed_images_likewise() -> None:
    with pytest.raises(UserError, match="dataset 'made_up' has 1 values in training images that are NaN"):
        split(made_up(with_a_pixel(float("nan"))), DataSpec(dataset=Choice(use="made_up")))
    streamed = Split(Streamed.of(with_a_pixel(float("nan")).images), LABELS)
    with pytest.raises(UserError, match="1 values in training images that are NaN"):
        examine(made_up(streamed), "x")


def test_classes_without_samples_are_told_after_what_the_dataset_tells() -> None:
    part = Split(IMAGES, LABELS.clamp(max=1))
    told = examine(made_up(test=part, class_names=("ant", "bee", "cat"), notes=("2 files were left out",)), "x")
    assert told == ("2 files were left out", "dataset 'x' has no test sample of 1 of 3 classes, such as 'cat'")
    assert examine(made_up(part, GOOD), "x") == ("dataset 'x' has no training sample of 1 of 3 classes, such as '2'",)


def test_shared_images_are_counted_value_for_value() -> None:
    other = Split(torch.cat([IMAGES[2:5], IMAGES[2:3], -IMAGES[6:8]]), LABELS[:6])
    assert count_shared(other, GOOD) == 4
    assert count_shared(Split(Streamed.of(other.images), other.labels), GOOD) == 4
    assert count_shared(other, Split(IMAGES[:3], LABELS[:3]), Split(IMAGES[4:], LABELS[4:])) == 3


def test_images_that_two_splits_share_are_told() -> None:
    whole = digits(None)  # type: ignore[arg-type]
    spec = DataSpec(dataset=Choice(use="digits"))
    assert split(whole, spec).notes == ()
    shared = torch.cat([whole.test.images[3:], whole.train.images[:3]])
    double = Dataset(whole.train, Split(shared, whole.test.labels), 10)
    assert split(double, spec).notes == ("3 of 359 test images are training images, too",)
    repeated = Split(whole.train.images[:1].expand(1438, -1, -1, -1), whole.train.labels)
    notes = split(Dataset(repeated, whole.test, 10), spec).notes
    assert notes == ("145 of 145 validation images are training images, too",)


def part(use: str, **options: object) -> Choice:
    return Choice(use=use, options=options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("parts", "note"),
    [
        ((part("per_class", count=100_000),), "the part per_class(count=100000) takes all of 1,293 samples: it leaves none out"),
        ((part("fraction", share=0.0001),), "the part fraction(share=0.0001) takes 10 of 1,293 samples: one of each class"),
        ((part("per_class", count=5), part("fraction", share=1.0)), "the part fraction(share=1.0) takes all of 50"),
    ],
)  # fmt: skip
def test_parts_without_effect_and_of_one_sample_a_class_are_told(parts, note) -> None:
    for where in ("parts", "labelled"):
        (told,) = split(digits(None), DataSpec(dataset=Choice(use="digits"), **{where: parts})).notes  # type: ignore[arg-type]
        assert told.startswith(note)
