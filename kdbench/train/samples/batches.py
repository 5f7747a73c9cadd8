"""What a network sees in a step: the same samples in the same order and views, whatever is trained beside it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kdbench.spec import TrainSpec
from kdbench.spec.pulse import beat
from kdbench.train.samples.bank import bank_draw, slots_of
from kdbench.train.samples.mixup import mix, partners
from kdbench.zoo.datasets.splits import Splits
from kdbench.zoo.interface import Draw, Split

View = Callable[[Tensor, Draw], Tensor]


@dataclass(frozen=True)
class Batch:
    """Images [B, C, H, W] after augmentation and normalization, labels [B] (under mixup their shares, [B, classes]).

    `draw` is the student's own (its view draws from it); `slots` says where in the bank the images stand, if there.
    """

    images: Tensor
    labels: Tensor
    draw: Draw
    slots: Tensor | int | None
    index: int


def epoch_order(seed: int, epoch: int, samples: int) -> Tensor:
    """The order of an epoch: a permutation [samples] that only the seed and the epoch decide."""
    return torch.randperm(samples, generator=Draw(seed, epoch).generator("order"))


def steps_per_epoch(samples: int, batch_size: int) -> int:
    """How many batches an epoch has. A last batch of one sample is left out: batch norm cannot use it."""
    return samples // batch_size + (samples % batch_size > 1)


def batches(splits: Splits, spec: TrainSpec, augment: Sequence[View], seed: int, epoch: int) -> Iterator[Batch]:
    """The batches of one epoch of the training split, on the device of the data."""
    order = epoch_order(seed, epoch, len(splits.train)).to(splits.train.labels.device)
    for index in range(steps_per_epoch(len(splits.train), spec.batch_size)):
        samples = order[index * spec.batch_size : (index + 1) * spec.batch_size]
        slots = slots_of(spec, seed, epoch, samples)
        own = Draw(seed, epoch, samples)
        images, labels = view_samples(splits, spec, augment, own if slots is None else bank_draw(slots, samples))
        yield Batch(images, labels, own, slots, index)


def view_samples(splits: Splits, spec: TrainSpec, augment: Sequence[View], draw: Draw) -> tuple[Tensor, Tensor]:
    """Training samples as a draw shows them: images [B, C, H, W], labels [B], or [B, classes] under mixup."""
    beat()
    images, labels = _augmented(splits, augment, draw)
    if spec.mixup is None:
        return images, labels
    others, other_labels = _augmented(splits, augment, partners(draw, len(splits.train)))
    return mix(images, labels, others, other_labels, draw, spec.mixup, splits.classes)


def _augmented(splits: Splits, augment: Sequence[View], draw: Draw) -> tuple[Tensor, Tensor]:
    images = splits.train.images[draw.samples]
    for view in augment:
        images = view(images, draw)
    return normalize(images, splits), splits.train.labels[draw.samples]


def normalize(images: Tensor, splits: Splits) -> Tensor:
    """Images [B, C, H, W] to zero mean and unit SD per channel, float32, as the training split has them."""
    mean, std = (values[None, :, None, None] for values in (splits.mean, splits.std))
    scaled = (images.to(torch.float32) - mean) / std
    return scaled.contiguous(memory_format=torch.channels_last)


def in_chunks(split: Split, splits: Splits, size: int = 1000) -> Iterator[tuple[Tensor, Tensor]]:
    """A split in order, normalized: (images, labels) of at most `size` samples."""
    for start in range(0, len(split), size):
        beat()
        yield normalize(split.images[start : start + size], splits), split.labels[start : start + size]
