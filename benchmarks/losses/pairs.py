"""The pairs that losses are timed on, and a loss ready to train on one of them."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch

from benchmarks.micro.samples import COLORED, GREY, batch_of, noise, trials_of
from kdbench.spec import Trial
from kdbench.train.build import Criterion, build_criterion, build_model
from kdbench.train.channels_last import keep_channels_last
from kdbench.train.instruction import Instruction
from kdbench.train.learner import Learner
from kdbench.train.samples.batches import normalize
from kdbench.train.teacher import Live, Teacher
from kdbench.zoo.builtin import BUILTIN
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.interface import Draw, Moment, Outputs
from kdbench.zoo.layers.taps import Trace, outputs, tapped, trace

CPU = torch.device("cpu")
EPOCHS = 240  # timed in the last one: after every warm-up and initialization phase
RECIPE = {
    "epochs": EPOCHS,
    "batch_size": 128,
    "optimizer": {"use": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 5e-4},
}
SAMPLES = 50_000  # of the training split, as in CIFAR: a loss that stores something for each sample stores as much


@dataclass(frozen=True)
class Pair:
    """A teacher and a student, the shape of their images, the number of rounds, and the steps of a slice."""

    label: str
    teacher: dict[str, Any]
    student: dict[str, Any]
    shape: tuple[int, int, int]
    rounds: int
    steps: int


PAIRS = {
    "cnn": Pair(
        "`cnn` of width 8 under width 32, 28 x 28 grey",
        {"use": "cnn", "width": 32},
        {"use": "cnn", "width": 8},
        GREY,
        rounds=15,
        steps=3,
    ),
    "resnet_cifar": Pair(
        "`resnet_cifar` of depth 8 under depth 20, 32 x 32 coloured",
        {"use": "resnet_cifar", "depth": 20},
        {"use": "resnet_cifar", "depth": 8},
        COLORED,
        rounds=9,
        steps=1,
    ),
}


class Stand:
    """One pair with a batch of noise: the values of pixels do not change the cost."""

    def __init__(self, pair: Pair) -> None:
        self.catalog = Catalog()
        self.splits = noise(pair.shape)
        raw, self.labels = batch_of(self.splits)
        self.images = normalize(raw, self.splits)
        pairs = {name: trials_of({"use": name}, pair.student, pair.teacher, **RECIPE) for name in BUILTIN["losses"]}
        self.trials = {name: student for name, (student, _) in pairs.items()}
        teacher = pairs["kd"][1]
        self.teacher = build_model(teacher.model, self.catalog, self.splits.classes, pair.shape, teacher.seed).eval()
        self.traced = trace(self.teacher, pair.shape)  # untrained: its outputs are of the same size
        draw = Draw(0, EPOCHS, torch.arange(len(self.labels)))
        generator = torch.Generator().manual_seed(0)
        others = torch.randint(0, self.splits.classes, (SAMPLES - len(self.labels),), generator=generator)
        self.moment = Moment(EPOCHS - 0.5, EPOCHS, draw, torch.cat((self.labels, others)))

    def criterion(self, loss: str) -> Criterion:
        """A loss by itself. Raises `NotApplicable` where it cannot serve the pair."""
        trial = self.trials[loss]
        student = build_model(trial.model, self.catalog, self.splits.classes, self.splits.shape, trial.seed)
        return self._criterion(trial, trace(student, self.splits.shape))

    def enrol(self, loss: str, stack: ExitStack) -> "Enrolled":
        """A fresh student under a loss, as kdbench's loop makes one. Raises `NotApplicable` likewise."""
        trial = self.trials[loss]
        model = build_model(trial.model, self.catalog, self.splits.classes, self.splits.shape, trial.seed)
        traced = trace(model, self.splits.shape)
        criterion = self._criterion(trial, traced)
        stack.enter_context(keep_channels_last(model))
        features = stack.enter_context(tapped(model, traced, criterion.student_layers))
        teachers: list[Teacher] = [Live(self.teacher, {}, CPU)] if trial.teachers else []
        learner = Learner(trial, model, [Instruction(trial.lessons[0], criterion, teachers)], features, CPU, EPOCHS)
        return Enrolled(self, learner, {teacher: self._outputs(criterion.teacher_layers) for teacher in teachers})

    def _outputs(self, layers: tuple[str, ...]) -> Outputs:
        with torch.no_grad(), tapped(self.teacher, self.traced, layers) as features:
            return outputs(self.teacher, self.images, features)

    def _criterion(self, trial: Trial, student: Trace) -> Criterion:
        teachers = [self.traced] if trial.teachers else []
        return build_criterion(trial.lessons[0], self.catalog, student, teachers, Draw(trial.seed))


@dataclass(frozen=True)
class Enrolled:
    """A student that steps on the stand's batch, with the teacher's outputs for it."""

    stand: Stand
    learner: Learner
    taught: Mapping[Teacher, Outputs]

    def step(self) -> float:
        """One whole step, in seconds. A learning rate of 0 costs the same, and training on noise cannot diverge."""
        before = self.learner.stepping.seconds
        stand = self.stand
        self.learner.step(stand.images, stand.images, stand.labels, self.taught, stand.moment, factor=0.0, seed=0)
        return self.learner.stepping.seconds - before
