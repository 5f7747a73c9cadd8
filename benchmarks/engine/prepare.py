"""`python -m benchmarks.engine.prepare SUITE FOLDER`: train the teacher with kdbench, and write the assignment."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.engine.assignment import PARTS, SAMPLES, Assignment, Loss, Tap
from kdbench import api
from kdbench.execute.jobs.records import TrainCohort
from kdbench.execute.workers.messages import EpochFinished
from kdbench.spec import Choice, Cosine, Sgd, Trial
from kdbench.train.build import build_model
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.datasets.splits import Splits, split
from kdbench.zoo.layers.taps import trace

PLUGINS = ("benchmarks.engine.datasets",)


def prepare(suite: Path, folder: Path, data: Path) -> Assignment:
    """Write assignment.json and samples.npz into `folder`, and train the teacher unless the store beside it has it."""
    plan = api.plan(api.load_suite(suite, PLUGINS), PLUGINS)
    catalog = Catalog(PLUGINS)
    teacher = next(plan.trials[entry.key] for entry in plan.entries if entry.role == "teacher")
    folder.mkdir(parents=True, exist_ok=True)
    train_teacher(teacher, folder.parent / "store", data)
    spec = teacher.data
    splits = split(catalog.load("datasets", spec.dataset.use)(data, **spec.dataset.options), spec)
    return write_assignment(list(plan.trials.values()), teacher, splits, catalog, folder)


def write_assignment(
    trials: Sequence[Trial], teacher: Trial, splits: Splits, catalog: Catalog, folder: Path
) -> Assignment:
    """Write assignment.json and samples.npz."""
    arrays = {}
    for part in PARTS:
        arrays[f"{part}_images"] = getattr(splits, part).images.numpy()
        arrays[f"{part}_labels"] = getattr(splits, part).labels.numpy()
    np.savez(folder / SAMPLES, **arrays)
    assignment = describe(trials, teacher, splits, catalog, folder)
    assignment.write()
    return assignment


def train_teacher(teacher: Trial, store: Path, data: Path) -> None:
    """Train the teacher, unless the store has it."""
    with api.place(store, data=data, workers=1, plugins=PLUGINS) as place:
        place.store.prepare()
        if place.store.is_trained(teacher.key):
            return
        for _, said in place.run([TrainCohort(setting=place.setting(), trials=(teacher,))]):
            if isinstance(said, EpochFinished):
                print(f"teacher: epoch {said.epoch}, validation {said.top1:.3f}", file=sys.stderr)
        if not place.store.is_trained(teacher.key):
            raise RuntimeError(f"the teacher was not trained: {said}")


def describe(trials: Sequence[Trial], teacher: Trial, splits: Splits, catalog: Catalog, folder: Path) -> Assignment:
    """The trials of a suite as the assignment of the other sides."""
    students = [trial for trial in trials if trial.key != teacher.key]
    recipe, optimizer = students[0].train, students[0].train.optimizer
    if not isinstance(optimizer, Sgd) or recipe.schedule != Cosine() or recipe.select != "best":
        raise ValueError("the compared sides know SGD, a cosine to 0, and the best epoch on validation")
    first = {trial.lessons[0].loss.use: trial for trial in reversed(students)}
    losses = [_loss(trial, teacher.model, splits, catalog) for trial in reversed(first.values())]
    sgd = {"lr": optimizer.lr, "momentum": optimizer.momentum, "weight_decay": optimizer.weight_decay}
    return Assignment(
        folder=folder,
        data_sha256=splits.sha256(),
        classes=splits.classes,
        shape=splits.shape,
        mean=tuple(splits.mean.tolist()),
        std=tuple(splits.std.tolist()),
        student=students[0].model,
        teacher=teacher.model,
        teacher_key=teacher.key,
        seeds=tuple(sorted({trial.seed for trial in students})),
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        sgd=sgd,
        warmup_epochs=recipe.warmup_epochs,
        augment=recipe.augment,
        losses=tuple(losses),
    )


def _loss(trial: Trial, teacher: Choice, splits: Splits, catalog: Catalog) -> Loss:
    given = trial.lessons[0].loss
    loss = Loss(use=given.use, options=given.options, taught=bool(trial.teachers))
    if "student_layer" not in loss.options:
        return loss
    taps = []
    for choice, layer in ((trial.model, "student_layer"), (teacher, "teacher_layer")):
        model = build_model(choice, catalog, splits.classes, splits.shape, seed=0)
        tap = trace(model, splits.shape).resolve(loss.options[layer])
        taps.append(Tap(module=tap.module, shape=tuple(tap.shape), entering=tap.entering))
    return loss.model_copy(update={"student_tap": taps[0], "teacher_tap": taps[1]})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, default=api.DEFAULT_DATA)
    given = parser.parse_args()
    assignment = prepare(given.suite, given.folder, given.data)
    losses = ", ".join(loss.use for loss in assignment.losses)
    print(f"{given.folder}: teacher {assignment.teacher_key}, losses {losses}")


if __name__ == "__main__":
    main()
