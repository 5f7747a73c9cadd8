"""One model in training: its own step, its learning curve, and when it stops."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from kdbench.results import CurvePoint, TrainingCost
from kdbench.spec import Trial
from kdbench.spec.pulse import beat
from kdbench.train.build import BuiltView
from kdbench.train.cost.clock import Stopwatch
from kdbench.train.ended import EpochDone, Snapshot
from kdbench.train.evaluate import evaluate
from kdbench.train.heads import Sight
from kdbench.train.instruction import Instruction
from kdbench.train.optimizers import build_optimizer
from kdbench.train.teacher import Teacher
from kdbench.zoo.datasets.splits import Splits
from kdbench.zoo.interface import Draw, Moment, Outputs
from kdbench.zoo.layers.anchor import Anchor
from kdbench.zoo.layers.taps import outputs


class Learner:
    """A model with its lessons and its optimizer. `features` holds the outputs of the layers that its losses read.

    It ends after the epoch `until`. `attack` is the trial's view, where that depends on the model. Validation is of the
    columns that `answers`; none: all.
    """

    def __init__(
        self,
        trial: Trial,
        model: nn.Module,
        instructions: Sequence[Instruction],
        features: dict[str, Tensor],
        device: torch.device,
        until: int,
        attack: BuiltView | None = None,
        answers: Sight | None = None,
        anchors: Sequence[Anchor] = (),
    ) -> None:
        self.trial = trial
        self.model = model
        self.instructions = tuple(instructions)
        self.attack = attack
        criteria = [instruction.criterion for instruction in instructions]
        self.deployed = model  # what is evaluated and exported; it shares the model's weights
        for criterion in criteria:
            self.deployed = criterion.deployed(self.deployed)
        self.until = until
        self.answers = answers
        self.anchors = anchors
        # The first epoch that may be the best: the last of an initialization of 3 epochs is still a part of it.
        initialized = max(criterion.initialization(trial.train.epochs) for criterion in criteria)
        self.earliest = math.floor(initialized) + 1 if initialized else 0
        self.features = features
        own = [parameter for criterion in criteria for parameter in criterion.parameters]
        self.optimizer = build_optimizer(trial.train.optimizer, [*model.parameters(), *own])
        self.epoch = -1  # that it finished last
        self.curve: list[CurvePoint] = []
        self.steps = self.samples = 0
        self.stepping, self.evaluating = Stopwatch(device), Stopwatch(device)
        self.stopped: Literal["epochs", "patience", "diverged"] | None = None
        self.diverged = ""  # how, where it did
        self.cost: TrainingCost | None = None  # once it has stopped, though others may go on
        self._losses: list[Tensor] = []
        bfloat16 = trial.train.precision == "bfloat16"
        self._precision = torch.autocast(device.type, torch.bfloat16, enabled=bfloat16)
        self.best: dict[str, Tensor] = {}
        self._generator = _generator_of(device)
        model.train()  # evaluation leaves the mode as it finds it

    def step(
        self,
        images: Tensor,
        seen: Tensor,
        labels: Tensor,
        taught: Mapping[Teacher, Outputs],
        moment: Moment,
        factor: float,
        seed: int,
    ) -> None:
        """One update on a batch: images [B, C, H, W], what the student sees of them, labels [B] or [B, classes].

        `taught` has each teacher's outputs, `factor` scales the learning rate, `seed` seeds dropout and the like.
        """
        beat()
        with self.stepping():
            self._generator.manual_seed(seed)
            for group in self.optimizer.param_groups:
                group["lr"] = self.trial.train.optimizer.lr * factor
            if self.attack:
                seen = self._attacked(self.attack, images, labels, taught, moment.draw)
            students = {}  # by whether the lesson is on clean images
            for clean in {each.lesson.clean: None for each in self.instructions}:
                with self._precision:
                    students[clean] = outputs(self.model, images if clean else seen, self.features)
            first, *others = (
                each.loss(students[each.lesson.clean], taught, labels, moment) for each in self.instructions
            )
            loss = sum(others, start=first)
            for anchor in self.anchors:
                loss = loss + (self.trial.anchor_weight or 0.0) * anchor.penalty(self.model)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            self._losses.append(loss.detach())  # read once an epoch: reading waits for the device
        self.steps += 1
        self.samples += len(labels)

    def _attacked(
        self, attack: BuiltView, images: Tensor, labels: Tensor, taught: Mapping[Teacher, Outputs], draw: Draw
    ) -> Tensor:
        """The images as the attack on the model as it is now changes them.

        Where no lesson may see the labels, the attack does not either.
        """
        teacher = next((each.taught_by(taught, labels) for each in self.instructions if each.teachers), None)
        known = labels if any(each.lesson.labels for each in self.instructions) else None
        self.model.eval()
        changed = attack(images, draw, self.model, known, teacher)
        self.model.train()
        return changed

    def close_epoch(self, epoch: int, splits: Splits) -> EpochDone:
        """Evaluate on the validation split, and decide whether to go on."""
        self.epoch = epoch
        train_loss = float(torch.stack(self._losses).double().mean()) if self._losses else None
        self._losses.clear()
        readings = self._readings()
        with self.evaluating():
            loss, top1 = evaluate(self.deployed, splits.validation, splits, self.answers)
            self.model.train()  # what is deployed may be another module around the same layers
        if not math.isfinite(train_loss or 0.0) or not math.isfinite(loss):
            self.stopped = "diverged"
            self.diverged = f"the loss is {train_loss if math.isfinite(loss) else loss} in epoch {epoch}"
            return EpochDone(self.trial, epoch, train_loss, top1)
        self.curve.append(
            CurvePoint(
                epoch=epoch,
                samples=self.samples,
                train_loss=train_loss,
                validation_loss=loss,
                validation_top1=top1,
                readings=readings,
            )
        )
        spec = self.trial.train
        if self.best_epoch == epoch and spec.select == "best":
            self.best = {name: value.clone() for name, value in self.deployed.state_dict().items()}
        if epoch == self.until:
            self.stopped = "epochs"
        elif spec.patience is not None and epoch - self.best_epoch >= spec.patience:
            self.stopped = "patience"
        return EpochDone(self.trial, epoch, train_loss, top1)

    def go_on(self, snapshot: Snapshot, best: dict[str, Tensor]) -> None:
        """Be at the end of the epoch of a snapshot, whose other tensors are in place."""
        self.epoch, self.steps, self.samples = snapshot.epoch, snapshot.steps, snapshot.samples
        self.curve, self.best = list(snapshot.curve), best
        self.stopped, self.diverged = snapshot.stopped, snapshot.diverged
        self.cost = snapshot.cost if snapshot.stopped else None

    def reached(self) -> EpochDone:
        """The epoch that it finished last."""
        last = self.curve[-1] if self.curve else None  # none where it diverged at once
        if last is None:
            return EpochDone(self.trial, self.epoch, None, 0.0)
        return EpochDone(self.trial, self.epoch, last.train_loss, last.validation_top1)

    def _readings(self) -> dict[str, float]:
        """What its losses told in this epoch. Those of a further lesson are called by its number."""
        return {
            name if number == 1 else f"{name}, lesson {number}": value
            for number, each in enumerate(self.instructions, start=1)
            for name, value in each.criterion.readings().items()
        }

    @property
    def teachers(self) -> tuple[Teacher, ...]:
        """All that its lessons ask, each once."""
        return tuple(dict.fromkeys(teacher for each in self.instructions for teacher in each.teachers))

    @property
    def best_epoch(self) -> int:
        """The first epoch with the highest validation accuracy, the loss's initialization apart."""
        counted = [point for point in self.curve if point.epoch >= self.earliest] or self.curve[-1:]
        return max(counted, key=lambda point: (point.validation_top1, -point.epoch)).epoch

    @property
    def selected_epoch(self) -> int:
        """Whose weights are deployed."""
        return self.best_epoch if self.trial.train.select == "best" else self.curve[-1].epoch

    def selected_model(self) -> nn.Module:
        """What is deployed, with the selected weights, in eval mode."""
        if self.best:
            self.deployed.load_state_dict(self.best)
        return self.deployed.eval()


def _generator_of(device: torch.device) -> torch.Generator:
    """The generator of dropout and the like. `torch.manual_seed` would seed every device there is: .17 ms a step."""
    if device.type == "cuda":
        torch.cuda.init()  # type: ignore[no-untyped-call]
        return torch.cuda.default_generators[torch.cuda.current_device() if device.index is None else device.index]
    return torch.default_generator
