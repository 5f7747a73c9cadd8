"""The plain loop's side: a training script of the usual kind, one JSON line for each run.

`python -m benchmarks.engine.plain_loop FOLDER --loss kd --seed 0`

A dataset of PIL images with torchvision's transforms in a DataLoader with workers, the teacher's forward in every step,
the loss read in every step, validation after each epoch, the weights that validated best kept and tested.
"""

import argparse
import copy
import os
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader

from benchmarks.engine.images import Images, open_images
from benchmarks.engine.stopwatch import Stopwatch, print_run, seconds_since_start
from benchmarks.engine.task import PARTS, Loss, Tap, Task, build_regressor

Terms = Callable[[Tensor, Tensor | None, Tensor], Tensor]  # student's and teacher's logits, labels


class Features:
    """The last features at a tap, left there by a forward hook."""

    def __init__(self, model: nn.Module, tap: Tap) -> None:
        self.value = torch.empty(0)
        self.entering = tap.entering
        model.get_submodule(tap.module).register_forward_hook(self._keep)

    def _keep(self, _: nn.Module, entered: tuple[Tensor, ...], gave: Tensor) -> None:
        self.value = entered[0] if self.entering else gave


class Hint(nn.Module):
    """The squared difference between the teacher's features and a regression from the student's."""

    def __init__(self, loss: Loss, student: nn.Module, teacher: nn.Module) -> None:
        super().__init__()
        assert loss.student_tap
        assert loss.teacher_tap
        self.regressor = build_regressor(loss)
        self.here, self.there = Features(student, loss.student_tap), Features(teacher, loss.teacher_tap)

    def forward(self) -> Tensor:
        return functional.mse_loss(self.regressor(self.here.value), self.there.value)


def build_loss(loss: Loss, hint: Hint | None = None) -> Terms:
    """The loss as a script would write it."""
    options = loss.options

    def terms(logits: Tensor, taught: Tensor | None, labels: Tensor) -> Tensor:
        labelled = functional.cross_entropy(logits, labels)
        if taught is None:
            return labelled
        if loss.use == "kd":
            t = options["temperature"]
            soft, own = functional.softmax(taught / t, dim=1), functional.log_softmax(logits / t, dim=1)
            other = t * t * functional.kl_div(own, soft, reduction="batchmean")
        elif loss.use == "soft_cross_entropy":
            t = options["temperature"]
            other = t * t * functional.cross_entropy(logits / t, functional.softmax(taught / t, dim=1))
        elif loss.use == "logit_mse":
            other = functional.mse_loss(logits, taught)
        elif loss.use == "pseudo_label":
            other = functional.cross_entropy(logits, taught.argmax(dim=1))
        elif hint:
            other = hint()
        else:
            raise ValueError(f"no plain loss is written for {loss.use}")
        total: Tensor = options["weight"] * other + options["ce_weight"] * labelled
        return total

    return terms


def load(images: Images, batch_size: int, workers: int, *, shuffled: bool = False) -> DataLoader[tuple[Tensor, int]]:
    return DataLoader(images, batch_size, shuffle=shuffled, num_workers=workers)


@torch.no_grad()
def evaluate(model: nn.Module, batches: DataLoader[tuple[Tensor, int]]) -> float:
    model.eval()
    right = samples = 0
    for images, labels in batches:
        right += int((model(images).argmax(dim=1) == labels).sum())
        samples += len(labels)
    return right / samples


def run(task: Task, use: str, seed: int, workers: int, epochs: int, limit: int | None) -> None:
    """One training run, told on stdout."""
    watch = Stopwatch()
    with watch.phase("setup"):
        loss = task.loss(use)
        train, validation, test = (open_images(task, part) for part in PARTS)
        batches = load(train, task.batch_size, workers, shuffled=True)
        held_out = load(validation, task.batch_size, workers)
        student = task.build_student(seed)
        teacher = task.build_teacher() if loss.taught else None
        hint = Hint(loss, student, teacher) if teacher and loss.student_tap else None
        criterion = build_loss(loss, hint)
        parameters = [*student.parameters(), *(hint.parameters() if hint else ())]
        optimizer = torch.optim.SGD(parameters, **task.sgd)
        schedule = LambdaLR(optimizer, lambda step: task.rate(step, len(batches), epochs))
    steps, validated, best = 0, [], {}
    for _ in range(epochs):
        with watch.phase("train"):
            student.train()
            running = 0.0
            for step, (images, labels) in enumerate(batches):
                if step == limit:
                    break
                taught = None
                if teacher:
                    with torch.no_grad():
                        taught = teacher(images)
                value = criterion(student(images), taught, labels)
                optimizer.zero_grad()
                value.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
                running += value.item()
                steps += 1
        with watch.phase("validate"):
            validated.append(evaluate(student, held_out))
            if validated[-1] > max(validated[:-1], default=-1.0):
                best = copy.deepcopy(student.state_dict())
    with watch.phase("test"):
        student.load_state_dict(best)
        top1 = evaluate(student, load(test, task.batch_size, workers))
    facts = {"side": "plain", "loss": use, "seed": seed, "validation_top1": validated, "test_top1": top1}
    print_run(watch, steps=steps, epochs=epochs, workers=workers, startup_seconds=round(STARTUP, 4), **facts)


def main() -> None:
    parser = argparse.ArgumentParser(description="Training runs of a plain loop, one JSON line each.")
    parser.add_argument("folder", type=Path, help="what `python -m benchmarks.engine.prepare` made")
    parser.add_argument("--loss", nargs="+", required=True)
    parser.add_argument("--seed", type=int, nargs="+", default=[0])
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--steps", type=int, help="at most so many an epoch")
    arguments = parser.parse_args()
    task = Task.read(arguments.folder)
    for seed in arguments.seed:
        for use in arguments.loss:
            run(task, use, seed, arguments.workers, arguments.epochs or task.epochs, arguments.steps)


STARTUP = seconds_since_start()

if __name__ == "__main__":
    main()
