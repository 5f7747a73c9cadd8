"""Small suites and data that several test modules run for real."""

import torch

from kdbench.spec import Suite, Trial
from kdbench.spec.task import Head, Input, Task
from kdbench.zoo.datasets.splits import Splits
from kdbench.zoo.interface import Split


def small_suite(**changes: object) -> Suite:
    """Digits, one MLP pair, two losses, two seeds, two epochs; timed in a single round, and not swept."""
    content: dict[str, object] = {
        "name": "small",
        "data": "digits",
        "seeds": 2,
        "train": {"epochs": 2, "batch_size": 64},
        "pairs": [{"teacher": {"use": "mlp", "hidden": [32]}, "student": {"use": "mlp", "hidden": [8]}}],
        "losses": ["cross_entropy", "kd"],
        "environments": [],
        "latency": {"batch_sizes": [1], "margin": 10.0, "largest_batch": 1},
    }
    return Suite.model_validate({**content, **changes})


def small_trial(**changes: object) -> Trial:
    content: dict[str, object] = {
        "model": {"use": "cnn", "options": {"width": 2}},
        "data": "digits",
        "loss": {"use": "cross_entropy", "options": {}},
        "train": {"epochs": 2, "batch_size": 16},
        "seed": 0,
    }
    return Trial.model_validate({**content, **changes})


def random_splits(samples: int = 70, classes: int = 4, shape: tuple[int, int, int] = (1, 8, 8)) -> Splits:
    """Random images whose brightness tells the class a little."""
    generator = torch.Generator().manual_seed(0)

    def part(count: int) -> Split:
        labels = torch.randint(classes, (count,), generator=generator)
        images = torch.randint(128, (count, *shape), generator=generator) + 30 * labels[:, None, None, None]
        return Split(images.to(torch.uint8), labels)

    train = part(samples)
    assert isinstance(train.images, torch.Tensor)
    values = train.images.float()
    mean, std = values.mean(dim=(0, 2, 3)), values.std(dim=(0, 2, 3))
    given = Input(shape=shape, dtype="uint8", mean=tuple(mean.tolist()), std=tuple(std.tolist()))
    return Splits(train, part(40), part(40), Task(inputs=(given,), heads=(Head(classes=classes),)))
