"""The plain loop: a typical training script, which prints one JSON line for each run.

`python -m benchmarks.engine.plain_loop FOLDER --loss kd --seed 0`

A dataset of PIL images with torchvision's transforms in a DataLoader with workers, the teacher's forward in every step,
the loss read in every step, validation after each epoch, the weights that validated best kept and tested.
"""

import copy
import os
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader

from benchmarks.engine.assignment import PARTS, Assignment, Loss, Tap, build_regressor
from benchmarks.engine.images import Images, open_images
from benchmarks.engine.side import Stopwatch, arguments, print_run

Terms = Callable[[Tensor, Tensor | None, Tensor], Tensor]  # student's and teacher's logits, labels


class Features:
    """The features of the last forward pass at a tap, stored by a forward hook."""

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


def run(assignment: Assignment, use: str, seed: int, workers: int, epochs: int, limit: int | None) -> None:
    """One training run; its JSON line goes to stdout."""
    watch = Stopwatch()
    with watch.phase("setup"):
        loss = assignment.loss(use)
        train, validation, test = (open_images(assignment, part) for part in PARTS)
        batches = load(train, assignment.batch_size, workers, shuffled=True)
        held_out = load(validation, assignment.batch_size, workers)
        student = assignment.build_student(seed)
        teacher = assignment.build_teacher() if loss.taught else None
        hint = Hint(loss, student, teacher) if teacher and loss.student_tap else None
        criterion = build_loss(loss, hint)
        parameters = [*student.parameters(), *(hint.parameters() if hint else ())]
        optimizer = torch.optim.SGD(parameters, **assignment.sgd)
        schedule = LambdaLR(optimizer, lambda step: assignment.rate(step, len(batches), epochs))
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
        top1 = evaluate(student, load(test, assignment.batch_size, workers))
    facts = {"side": "plain", "loss": use, "seed": seed, "validation_top1": validated, "test_top1": top1}
    print_run(watch, steps=steps, epochs=epochs, workers=workers, **facts)


def main() -> None:
    given = arguments(__doc__).parse_args()
    assignment = Assignment.read(given.folder)
    workers = len(os.sched_getaffinity(0)) if given.workers is None else given.workers
    for seed in given.seed:
        for use in given.loss:
            run(assignment, use, seed, workers, given.epochs or assignment.epochs, given.steps)


if __name__ == "__main__":
    main()
