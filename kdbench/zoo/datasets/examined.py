"""What every dataset is looked at for, whoever wrote it: what cannot be used is refused, what is odd is told."""

import hashlib
from collections.abc import Iterator

import torch
from torch import Tensor

from kdbench.spec import UserError
from kdbench.zoo.interface import Dataset, Split
from kdbench.zoo.streamed import CHUNK, Streamed, chunks

Problem = tuple[str, str]  # what is wrong, and what to do about it

# The scale is that of some images, evenly spaced, since folders are sorted by class. The mean of 20 photographs is
# mostly within .2 of an SD of the mean of all; with fewer it says little.
LEAST_IMAGES, MOST_IMAGES = 20, 1000
# Splits drawn alike differ by under .1 of an SD. Values of 0 to 1 beside normalized ones or ones of -1 to 1 differ by a
# factor of 2 to 4 in their SD, or by 2 SDs in their mean; beside values of 0 to 255 by a factor of 255.
MOST_TIMES_SD, MOST_SDS_APART = 2, 1


def examine(dataset: Dataset, label: str) -> tuple[str, ...]:
    """Notes on a dataset: its own, classes without samples, and test images of another scale.

    Raises `UserError` where it cannot be used.
    """
    for what, help in _problems(dataset):
        raise UserError(f"dataset '{label}' {what}", help=help)
    names = dataset.class_names or tuple(map(str, range(dataset.classes)))
    lacking = [
        f"dataset '{label}' has no {name} sample of {len(absent)} of {dataset.classes} classes, such as '{absent[0]}'"
        for name, part in _parts(dataset)
        if (absent := [names[at] for at in range(dataset.classes) if not (part.labels == at).any()])
    ]
    return (*dataset.notes, *lacking, *_unlike_scales(dataset, label))


def count_shared(part: Split, *others: Split) -> int:
    """How many images of a part are in one of the others, too, value for value."""
    known = {each for other in others for each in _hashes(other.images)}
    return sum(each in known for each in _hashes(part.images))


def _problems(dataset: object) -> Iterator[Problem]:
    """Of what is wrong with a dataset the first is enough: what follows relies on it."""
    if not isinstance(dataset, Dataset):
        yield f"gives a {type(dataset).__name__}, not a Dataset", "return kdbench.Dataset(train, test, classes)"
        return
    if type(dataset.classes) is not int or dataset.classes < 2:
        yield (
            f"has classes = {dataset.classes!r}",
            "give a whole number, at least 2, of classes",
        )
    if odd := [name for name in dataset.class_names if not isinstance(name, str) or not name.isprintable()]:
        yield f"has a class named {odd[0]!r}", "give names that are text of printable characters"
    if dataset.class_names and len(set(dataset.class_names)) != dataset.classes:
        names = f"{len(set(dataset.class_names))} different names"
        yield f"has {dataset.classes} classes and {names} of them", "give each class a name of its own, or none"
    for name, part in _parts(dataset):
        yield from _problems_of_images(name, part)
        yield from _problems_of_labels(name, part, dataset.classes)
    train, test = dataset.train.images, dataset.test.images
    if (train.shape[1:], train.dtype) != (test.shape[1:], test.dtype):
        kinds = " and ".join(f"{name} images {_kind(part)}" for name, part in _parts(dataset))
        yield f"has {kinds}", "give both the same shape and type"
    if (dataset.train.labels == dataset.train.labels[0]).all():
        yield "has training samples of a single class", "give it some of another class"


def _problems_of_images(name: str, part: Split) -> Iterator[Problem]:
    images = part.images
    if not isinstance(images, Tensor | Streamed):
        yield f"has {name} images in a {type(images).__name__}", "give a tensor: torch.from_numpy(...)"
        return
    if len(images.shape) != 4 or not min(images.shape[1:]):
        yield f"has {name} images {_kind(part)}", "give images [N, channels, height, width], a number at least in each"
    if images.dtype not in (torch.uint8, torch.float32):
        yield f"has {name} images {_kind(part)}", "give uint8 or float32: images.float()"
    channels, height, width = images.shape[1:]
    if channels > 4 and height > 4 and (width in (3, 4) or (width == 1 and channels == height)):
        yield (
            f"has {name} images {_kind(part)}, which look like [N, height, width, channels]",
            "bring the channels to the front: images.permute(0, 3, 1, 2).contiguous()",
        )
    if images.dtype == torch.float32 and (bad := sum(int((~chunk.isfinite()).sum()) for chunk in chunks(images))):
        yield f"has {bad:,} values in {name} images that are NaN or infinite", "replace them, or leave these images out"


def _problems_of_labels(name: str, part: Split, classes: int) -> Iterator[Problem]:
    labels = part.labels
    if not isinstance(labels, Tensor) or labels.dtype != torch.int64 or labels.ndim != 1:
        given = f"a {type(labels).__name__}"
        if isinstance(labels, Tensor):
            given = f"{list(labels.shape)} {str(labels.dtype).removeprefix('torch.')}"
        yield f"has {name} labels {given}", "give a tensor [N] int64, the number of each sample's class: labels.long()"
        return
    if len(part.images) != len(labels) or not len(labels):
        yield f"has {len(part.images)} {name} images and {len(labels)} labels", "give one label for each image"
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        allowed = f"{classes} classes: allowed are 0 to {classes - 1}"
        yield f"has {name} labels from {low} to {high}, but {allowed}", "number the classes from 0"


def _unlike_scales(dataset: Dataset, label: str) -> Iterator[str]:
    """Test images that were not prepared as the training images were: what was learned says nothing about them."""
    if min(len(part.labels) for _, part in _parts(dataset)) < LEAST_IMAGES:
        return
    (mean, sd), (test_mean, test_sd) = (_scale(part.images) for _, part in _parts(dataset))
    low, high = sorted((sd, test_sd))
    if high > MOST_TIMES_SD * low or abs(test_mean - mean) > MOST_SDS_APART * low:
        yield (
            f"dataset '{label}' has test images of another scale than its training images: mean {test_mean:.3g} and "
            f"SD {test_sd:.3g}, against {mean:.3g} and {sd:.3g}; if that is not meant, prepare both alike"
        )


def _scale(images: Tensor | Streamed) -> tuple[float, float]:
    """Mean and SD of the values of at most `MOST_IMAGES` images."""
    room = max(LEAST_IMAGES, CHUNK // images.shape[1:].numel())
    some = images[torch.linspace(0, len(images) - 1, min(len(images), MOST_IMAGES, room)).long()].float()
    return float(some.mean()), float(some.std())


def _parts(dataset: Dataset) -> tuple[tuple[str, Split], tuple[str, Split]]:
    return ("training", dataset.train), ("test", dataset.test)


def _kind(part: Split) -> str:
    """`[60000, 28, 28] uint8`"""
    return f"{list(part.images.shape)} {str(part.images.dtype).removeprefix('torch.')}"


def _hashes(images: Tensor | Streamed) -> Iterator[bytes]:
    for chunk in chunks(images):
        for image in chunk.cpu().contiguous().numpy():
            yield hashlib.blake2b(image, digest_size=16).digest()
