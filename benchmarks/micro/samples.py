"""A batch of noise in the shape of the usual datasets, and trials to go with it."""

import torch
from torch import Tensor

from kdbench.spec import Trial
from kdbench.spec.planning.plan import plan
from kdbench.spec.suite import Suite
from kdbench.spec.task import Head, Input, Task
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.datasets.splits import Splits
from kdbench.zoo.interface import Split

BATCH, SAMPLES, CLASSES = 128, 1000, 10
GREY, COLORED = (1, 28, 28), (3, 32, 32)
TEACHER: dict[str, object] = {"use": "cnn", "width": 80}


def noise(shape: tuple[int, int, int]) -> Splits:
    """A dataset of noise: the values of pixels do not change the cost."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (SAMPLES, *shape), dtype=torch.uint8, generator=generator)
    part = Split(images, torch.randint(0, CLASSES, (SAMPLES,), generator=generator))
    mean, std = ((value,) * shape[0] for value in (127.5, 73.6))
    given = Input(shape=shape, dtype="uint8", mean=mean, std=std)
    return Splits(part, part, part, Task(inputs=(given,), heads=(Head(classes=CLASSES),)))


def batch_of(splits: Splits) -> tuple[Tensor, Tensor]:
    """The first batch as it is stored: images [128, C, H, W], uint8, and labels [128]."""
    part = splits.train.take(torch.arange(BATCH))
    assert isinstance(part.images, Tensor)
    return part.images, part.labels


def trials_of(
    loss: dict[str, object],
    student: dict[str, object],
    teacher: dict[str, object] = TEACHER,
    **train: object,
) -> tuple[Trial, Trial]:
    """The trial of a student under a loss, and that of its teacher; all options filled in."""
    table = {
        "name": "micro",
        "data": "digits",  # only named: the benchmarks bring their own samples
        "seeds": 1,
        "train": train,
        "pairs": [{"teacher": teacher, "student": student}],
        "losses": [loss],
    }
    made = plan(Suite.model_validate(table), Catalog())
    taught, teaching = (
        next(made.trials[entry.key] for entry in made.entries if entry.role == role) for role in ("student", "teacher")
    )
    return taught, teaching
