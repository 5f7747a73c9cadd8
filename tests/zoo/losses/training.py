"""Real trainings of a few epochs under a loss: on digits under a trained teacher, or on noise under any, as drawn."""

from functools import cache
from pathlib import Path

import torch
from torch import nn

from kdbench.deploy.export.export import hash_weights
from kdbench.spec import Choice, Trial
from kdbench.spec.generators import drain
from kdbench.train.build import build_model
from kdbench.train.ended import Trained
from kdbench.train.faculty import Parents
from kdbench.train.loop import train_cohort
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.datasets.digits import digits
from kdbench.zoo.datasets.splits import split
from tests.small import random_splits, small_trial

SGD: dict[str, object] = {"use": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 5e-4}
ADAMW: dict[str, object] = {"use": "adamw", "lr": 0.003, "weight_decay": 0.01}

RECIPE = {"epochs": 3, "batch_size": 32, "optimizer": {"use": "sgd", "lr": 0.05, "momentum": 0.9}}
TEACHER = small_trial(model={"use": "cnn", "options": {"width": 8}}, seed=5, train=RECIPE)
STUDENT = {"use": "cnn", "options": {"width": 4}}
DIGITS = split(digits(Path()), TEACHER.data)
NOISE = random_splits()
_GUIDES: dict[str, Trial] = {}  # teachers on noise, by key


def on_digits(use: str, options: dict[str, object] | None = None, **train: object) -> Trial:
    """A smaller cnn under `TEACHER`, with the options of its loss and of its training."""
    loss = {"use": use, "options": options or {}}
    return small_trial(model=STUDENT, loss=loss, teachers=[TEACHER], train={**RECIPE, **train})


def on_noise(
    loss: str, student: Choice, teacher: Choice, optimizer: dict[str, object] = SGD, **options: object
) -> Trial:
    """Three epochs of five steps, for any pair."""
    guide = small_trial(model=teacher, seed=5)
    _GUIDES[guide.key] = guide
    return small_trial(
        loss={"use": loss, "options": options},
        model=student,
        teachers=[guide],
        train={"epochs": 3, "batch_size": 16, "optimizer": optimizer},
    )


def train(*trials: Trial, until: int | None = None) -> list[Trained]:
    """All in one cohort, on one thread; `until` ends it after so many epochs. Under `TEACHER` it is on digits."""
    torch.set_num_threads(1)
    (key,) = trials[0].teachers
    splits, guide = (DIGITS, _trained_teacher()) if key == TEACHER.key else (NOISE, drawn(_GUIDES[key]))
    outcomes = drain(train_cohort(trials, splits, Catalog(), Parents({key: guide}), until=until))
    assert all(isinstance(outcome, Trained) for outcome in outcomes), outcomes
    return [outcome for outcome in outcomes if isinstance(outcome, Trained)]


def drawn(trial: Trial) -> nn.Module:
    """A network on noise before its training."""
    return build_model(trial.model, Catalog(), NOISE.classes, NOISE.shape, trial.seed)


@cache
def _trained_teacher() -> nn.Module:
    (outcome,) = drain(train_cohort([TEACHER], DIGITS, Catalog()))
    assert isinstance(outcome, Trained)
    return outcome.model


def alike_alone_and_beside(trial: Trial, *others: Trial) -> Trained:
    """The trial trained alone: company changes no bit of its weights, nor of its curve."""
    (alone,) = train(trial)
    beside = train(others[0], trial, *others[1:])[1]
    assert hash_weights(beside.model) == hash_weights(alone.model)
    assert beside.curve == alone.curve
    return alone


def assert_learns_alike_alone_and_beside(trial: Trial) -> None:
    """On digits: the student's validation loss falls, and company changes no bit."""
    alone = alike_alone_and_beside(trial, *(on_digits(use, epochs=trial.train.epochs) for use in ("kd", "fitnet")))
    assert alone.curve[-1].validation_loss < 0.8 * alone.curve[0].validation_loss
