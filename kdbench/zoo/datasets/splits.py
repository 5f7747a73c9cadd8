"""Training, validation and test split of a dataset, what it asks of a network, and which samples are used."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeGuard

import torch
from torch import Tensor

from kdbench.spec import Choice, DataSpec, UserError
from kdbench.spec.task import Head, Input, Task
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.datasets.capacity import fits_on
from kdbench.zoo.datasets.examined import count_shared, examine
from kdbench.zoo.interface import Dataset, Draw, NotApplicable, Split
from kdbench.zoo.parts.strata import by_class, count_of
from kdbench.zoo.streamed import Streamed, chunks


@dataclass(frozen=True)
class Splits:
    """What a trial trains, validates and tests on, and the task that these have in common."""

    train: Split  # a sample without a label has -1
    validation: Split
    test: Split
    task: Task
    told: tuple[str, ...] = ()  # see `notes`

    @property
    def classes(self) -> int:
        return self.task.heads[0].classes

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        channels, height, width = self.task.inputs[0].shape
        return channels, height, width

    @cached_property  # on the device of the data, once: every batch is normalized with it
    def mean(self) -> Tensor:
        """Of each channel [channels], float32, in the raw values of the images."""
        return torch.tensor(self.task.inputs[0].mean, device=self.train.labels.device)

    @cached_property
    def std(self) -> Tensor:
        """Standard deviation of each channel, likewise; 1 for a channel that never changes."""
        return torch.tensor(self.task.inputs[0].std, device=self.train.labels.device)

    def to(self, device: torch.device | str) -> "Splits":
        """The same on a device. Images in memory that do not fit there stay on the host and move batch by batch."""
        parts = (self.train, self.validation, self.test)
        fit = fits_on(torch.device(device), sum(part.images.nbytes for part in parts if _is_in_memory(part.images)))
        train, validation, test = (
            Split(
                (Streamed.of(part.images) if _is_in_memory(part.images) and not fit else part.images).to(device),
                part.labels.to(device),
            )
            for part in parts
        )
        return Splits(train, validation, test, self.task, self.told)

    @cached_property  # all images are read for it
    def notes(self) -> tuple[str, ...]:
        """What is odd about this data, in sentences: told by the dataset, and images that two splits have."""
        shared = {
            f"of {len(self.test):,} test images": count_shared(self.test, self.train, self.validation),
            f"of {len(self.validation):,} validation images": count_shared(self.validation, self.train),
        }
        seen = [f"{count:,} {of} are training images, too" for of, count in shared.items() if count]
        return (*self.told, *seen)

    def sha256(self) -> str:
        """The SHA-256, hexadecimal, over images and labels of the three splits, in order."""
        return self._sha256

    @cached_property
    def _sha256(self) -> str:  # every trial asks for it, and images in a file are read for it
        digest = hashlib.sha256()
        for part in (self.train, self.validation, self.test):
            for values in (part.images, part.labels):
                digest.update(f"{values.dtype} {tuple(values.shape)}".encode())
                for chunk in chunks(values):
                    digest.update(chunk.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


def read_dataset(choice: Choice, root: Path, catalog: Catalog) -> Dataset:
    """A dataset by its name, with its files below `root`. Raises `UserError`, also where these cannot be read."""
    load = catalog.load("datasets", choice.use)
    try:
        found: Dataset = load(root, **choice.arguments)
    except (OSError, RecursionError) as error:  # of a disk, a network, or too many folders within each other
        text = f"dataset '{choice.use}' cannot be read: {error}"
        raise UserError(text, help="see that all of it is there, and that you may read it") from error
    return found


def split(dataset: Dataset, spec: DataSpec, catalog: Catalog | None = None) -> Splits:
    """Hold validation out of the published training split, then take `spec.parts` of what remains, one after another.

    Where `spec.labelled` names parts, samples that these do not take lose their label for good: it is -1. All of it is
    decided by `spec.split_seed`, so every trial of a suite shares it. Validation is stratified by class and does not
    depend on the parts; a class with one sample keeps it for training. Means and standard deviations are of all
    training samples without validation, so that every part of a dataset is given the same inputs. Parts are looked up
    in the catalog, by default in that of kdbench and of installed packages. Raises `UserError` where no sample is left
    to validate or train on, the dataset cannot be used, or a part cannot be taken.
    """
    told = examine(dataset, spec.dataset.label)
    validation, training = _hold_out(dataset, spec)
    whole = dataset.train.take(training)
    catalog = catalog or Catalog()
    used, odd = _used(dataset, training, spec.parts, spec, catalog)
    train = whole if len(used) == len(training) else dataset.train.take(used)
    if spec.labelled:
        labelled, further = _used(dataset, used, spec.labelled, spec, catalog)
        odd += further
        train = Split(train.images, train.labels.where(torch.isin(used, labelled), -1))
    return Splits(train, dataset.train.take(validation), dataset.test, _task(dataset, whole), (*told, *odd))


def _hold_out(dataset: Dataset, spec: DataSpec) -> tuple[Tensor, Tensor]:
    """Which samples of the published training split validate, and which remain, both in order."""
    validation, training = [], []
    for members in by_class(dataset.train.labels, _draw(spec, torch.arange(len(dataset.train))), "validation"):
        held = min(max(1, count_of(spec.validation, len(members))), len(members) - 1)
        validation.append(members[:held])
        training.append(members[held:])
    if not sum(map(len, validation)):
        raise UserError(
            f"dataset '{spec.dataset.label}' has no class with 2 training samples: none is left to validate on"
        )
    return torch.cat(validation).sort().values, torch.cat(training).sort().values


def _used(
    dataset: Dataset, samples: Tensor, parts: Sequence[Choice], spec: DataSpec, catalog: Catalog
) -> tuple[Tensor, list[str]]:
    """Those of the samples, by place in the published training split, that all parts take; and notes on the parts."""
    odd = []
    for part in parts:
        labels, given = dataset.train.labels[samples], len(samples)
        samples = samples[_positions(part, labels, _draw(spec, samples), catalog)]
        if len(samples) == given:
            odd.append(f"the part {part.label} takes all of {given:,} samples: it leaves none out")
        elif len(samples) == len(torch.unique(labels)):
            odd.append(f"the part {part.label} takes {len(samples):,} of {given:,} samples: one of each class")
    return samples, odd


def _draw(spec: DataSpec, samples: Tensor) -> Draw:
    """Samples are named by their place in the published training split, whichever of them are left."""
    return Draw(spec.split_seed, samples=samples, purpose="data")


def _positions(part: Choice, labels: Tensor, draw: Draw, catalog: Catalog) -> Tensor:
    """Which of the samples with these labels a part takes, in order."""
    try:
        taken = catalog.load("parts", part.use)(labels, draw, **part.arguments)
    except NotApplicable as reason:
        text = f"the part {part.label} cannot be taken of the training samples: {reason}"
        help = "change the part, or the options of the way of teaching that asks for it"
        raise UserError(text, help=help) from reason
    positions: Tensor = torch.unique(taken)
    if not len(positions) or len(positions) < len(taken):
        raise UserError(f"the part {part.label} gives {'a sample twice' if len(positions) else 'no sample'}")
    return positions


def _task(dataset: Dataset, training: Split) -> Task:
    """What a dataset asks of a network, normalized by the means and deviations of these samples."""
    images = training.images
    mean, std, (lowest, highest) = _statistics(images)
    return Task(
        inputs=(
            Input(
                shape=tuple(images.shape[1:]),
                dtype="uint8" if images.dtype == torch.uint8 else "float32",
                mean=tuple(mean.tolist()),
                std=tuple(std.tolist()),
                lowest=lowest,
                highest=highest,
            ),
        ),
        heads=(Head(classes=dataset.classes, class_names=dataset.class_names),),
    )


def _statistics(images: Tensor | Streamed) -> tuple[Tensor, Tensor, tuple[float, float]]:
    """Mean and standard deviation of each channel, in float64, given as float32; the lowest and the highest value."""
    means, deviations, ends = [], [], list[float]()
    for values, counts in _histograms(images):
        mean = (values * counts).sum() / counts.sum()
        variance = ((values - mean).square() * counts).sum() / counts.sum()
        means.append(mean)
        deviations.append(variance.sqrt() if variance > 1e-12 else torch.ones_like(variance))
        ends += [end.item() for end in values[counts > 0].aminmax()]
    return torch.stack(means).float(), torch.stack(deviations).float(), (min(ends), max(ends))


def _histograms(images: Tensor | Streamed) -> Iterator[tuple[Tensor, Tensor]]:
    """Of each channel: distinct values and how often each occurs, float64; for bytes no float copy is made of them."""
    if images.dtype == torch.uint8:
        counts = torch.zeros(images.shape[1], 256, dtype=torch.int64)
        for chunk in chunks(images):
            counts += torch.stack([torch.bincount(channel.flatten(), minlength=256) for channel in chunk.unbind(1)])
        for channel in counts.double():
            yield torch.arange(256, dtype=torch.float64), channel
        return
    for values in images[:].unbind(1):
        flat = values.flatten().double()
        yield flat, torch.ones_like(flat)


def _is_in_memory(images: Tensor | Streamed) -> TypeGuard[Tensor]:
    return isinstance(images, Tensor) and images.device.type == "cpu"
