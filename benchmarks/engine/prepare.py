"""`python -m benchmarks.engine.prepare SUITE FOLDER`: train the teacher once with kdbench, and write down the job."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.engine.task import PARTS, SAMPLES, Loss, Network, Tap, Task
from kdbench import api
from kdbench.execute.workers.messages import EpochFinished, TrialEnded
from kdbench.execute.workers.place import STAGES
from kdbench.spec import Choice, Cosine, Sgd, Trial
from kdbench.train.build import build_model
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.datasets.splits import Splits, split
from kdbench.zoo.layers.taps import trace

PLUGINS = ("benchmarks.engine.datasets",)


def prepare(suite: Path, folder: Path, data: Path) -> Task:
    """Make `folder` (task.json, samples.npz), and the teacher's record in the store beside it, if it is not there."""
    plan = api.plan(api.load_suite(suite, PLUGINS), PLUGINS)
    catalog = Catalog(PLUGINS)
    teacher = next(plan.trials[entry.key] for entry in plan.entries if entry.role == "teacher")
    folder.mkdir(parents=True, exist_ok=True)
    train_teacher(teacher, folder.parent / "store", data)
    spec = teacher.data
    splits = split(catalog.load("datasets", spec.dataset.use)(data, **spec.dataset.options), spec)
    return write_task(list(plan.trials.values()), teacher, splits, catalog, folder)


def write_task(trials: Sequence[Trial], teacher: Trial, splits: Splits, catalog: Catalog, folder: Path) -> Task:
    """task.json and samples.npz."""
    arrays = {}
    for part in PARTS:
        arrays[f"{part}_images"] = getattr(splits, part).images.numpy()
        arrays[f"{part}_labels"] = getattr(splits, part).labels.numpy()
    np.savez(folder / SAMPLES, **arrays)
    task = describe(trials, teacher, splits, catalog, folder)
    task.write()
    return task


def train_teacher(teacher: Trial, store: Path, data: Path) -> None:
    """Train the teacher into a store, unless it is there."""
    with api.place(store, data=data, workers=1, plugins=PLUGINS) as place:
        place.store.prepare()
        if place.store.is_complete(teacher.key):
            return
        job = place.item(trials=[teacher.model_dump(mode="json")])
        for _, message in place.executor.map(f"{STAGES}:train_trials", [job]):
            if isinstance(message, EpochFinished):
                print(f"teacher: epoch {message.epoch}, validation {message.top1:.3f}", file=sys.stderr)
            elif not isinstance(message, TrialEnded) or message.status != "done":
                raise RuntimeError(f"the teacher was not trained: {message}")


def describe(trials: Sequence[Trial], teacher: Trial, splits: Splits, catalog: Catalog, folder: Path) -> Task:
    """A resolved suite as the task that the other sides read."""
    students = [trial for trial in trials if trial.key != teacher.key]
    recipe, model = students[0].train, students[0].model
    optimizer = recipe.optimizer
    if not isinstance(optimizer, Sgd) or recipe.schedule != Cosine() or recipe.select != "best":
        raise ValueError("the compared sides know SGD, a cosine to 0, and the best epoch on validation")
    first = {trial.loss.use: trial for trial in reversed(students)}
    losses = [_loss(trial, teacher.model, splits, catalog) for trial in reversed(first.values())]
    sgd = {"lr": optimizer.lr, "momentum": optimizer.momentum, "weight_decay": optimizer.weight_decay}
    return Task(
        folder=folder,
        data_sha256=splits.sha256(),
        classes=splits.classes,
        shape=list(splits.shape),
        mean=splits.mean.tolist(),
        std=splits.std.tolist(),
        student=Network(model.use, dict(model.options)),
        teacher=Network(teacher.model.use, dict(teacher.model.options)),
        teacher_key=teacher.key,
        seeds=sorted({trial.seed for trial in students}),
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        sgd=sgd,
        warmup_epochs=recipe.warmup_epochs,
        augment=[{"use": view.use, **view.options} for view in recipe.augment],
        losses=losses,
    )


def _loss(trial: Trial, teacher: Choice, splits: Splits, catalog: Catalog) -> Loss:
    loss = Loss(trial.loss.use, dict(trial.loss.options), taught=bool(trial.teachers))
    if "student_layer" not in loss.options:
        return loss
    taps = []
    for choice, layer in ((trial.model, "student_layer"), (teacher, "teacher_layer")):
        model = build_model(choice, catalog, splits.classes, splits.shape, seed=0)
        tap = trace(model, splits.shape).resolve(loss.options[layer])
        taps.append(Tap(tap.module, list(tap.shape), tap.entering))
    return replace(loss, student_tap=taps[0], teacher_tap=taps[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, default=api.DEFAULT_DATA)
    arguments = parser.parse_args()
    task = prepare(arguments.suite, arguments.folder, arguments.data)
    print(f"{arguments.folder}: teacher {task.teacher_key}, losses {', '.join(loss.use for loss in task.losses)}")


if __name__ == "__main__":
    main()
