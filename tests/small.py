"""Small suites and data that several test modules run for real."""

from typing import Any

import torch
from torch import nn

from kdbench.spec import Choice, Suite, Trial
from kdbench.spec.task import Head, Input, Task
from kdbench.train.faculty import Parents
from kdbench.zoo.builtin import BUILTIN
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.datasets.splits import Splits
from kdbench.zoo.interface import Split


def small_suite(**changes: object) -> Suite:
    """Digits, one MLP pair, two losses, two seeds, two epochs; timed in a single round, at equal epochs, and not swept."""
    content: dict[str, object] = {
        "name": "small",
        "data": "digits",
        "seeds": 2,
        "train": {"epochs": 2, "batch_size": 64},
        "pairs": [{"teacher": {"use": "mlp", "hidden": [32]}, "student": {"use": "mlp", "hidden": [8]}}],
        "losses": ["cross_entropy", "kd"],
        "budget": {"by": "epochs"},
        "conditions": [],
        "latency": {"batch_sizes": [1], "margin": 10.0, "largest_batch": 1},
    }
    return Suite.model_validate({**content, **changes})


def small_trial(**changes: Any) -> Trial:
    """A small network on digits. `loss`, `teachers` and `combine` are those of its only lesson.

    `teachers` are trials; a loss that asks for no teacher gets none.
    """
    content: dict[str, object] = {
        "model": {"use": "cnn", "options": {"width": 2}},
        "data": "digits",
        "train": {"epochs": 2, "batch_size": 16},
        "seed": 0,
    }
    loss = Choice.model_validate(changes.pop("loss", "cross_entropy"))
    taught = loss.use not in BUILTIN["losses"] or "teacher" in Catalog().signature("losses", loss.use).inputs
    given = changes.pop("teachers", ())
    teachers = [teacher.key for teacher in given] if taught else []
    combine = changes.pop("combine", "probabilities")
    lesson = {"loss": loss.model_dump(), "teachers": teachers, "combine": combine if len(teachers) > 1 else None}
    return Trial.model_validate({**content, "lessons": [lesson], **changes})


def taught_by(model: nn.Module | None, trial: Trial, *further: tuple[nn.Module, Trial]) -> Parents:
    """Networks that teach a cohort, each in the place of a trial; nothing where there is no model."""
    return Parents({one.key: network for network, one in ((model, trial), *further) if network})


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
    given = Input(
        shape=shape,
        dtype="uint8",
        mean=tuple(mean.tolist()),
        std=tuple(std.tolist()),
        lowest=values.min().item(),
        highest=values.max().item(),
    )
    return Splits(train, part(40), part(40), Task(inputs=(given,), heads=(Head(classes=classes),)))
