"""Teachers that bring their weights: an ONNX file that cannot teach is refused, and one that knows nothing fails."""

import math
from collections.abc import Iterable
from pathlib import Path

from kdbench.deploy.foreign.inspect import inspect_model
from kdbench.spec import Trial, UserError
from kdbench.train.ended import Trained
from kdbench.zoo.datasets.splits import Splits

ERRORS = 3.0  # standard errors by which an accuracy must be above chance


def refuse_bad_files(trials: Iterable[Trial], splits: Splits) -> None:
    """Raise `UserError` for an ONNX file that does not run on these images, or gives no logits of these classes."""
    for trial in trials:
        if trial.weights and Path(trial.weights.file).suffix == ".onnx":
            _refuse_bad_file(Path(trial.weights.file), splits)


def _refuse_bad_file(file: Path, splits: Splits) -> None:
    found = inspect_model(file, splits.shape)
    if found.fixed_batch is not None:
        text = f"'{file}' takes a batch of {found.fixed_batch} alone, and a teacher is asked batches of any size"
        raise UserError(text, help="export it with a dynamic batch dimension")
    if found.depends:
        text = f"the logits of '{file}' depend on {found.depends}, and a teacher is asked once for a view of a sample"
        raise UserError(text, help="export it in evaluation mode, without dropout and with running statistics")
    if found.onnx_bytes != file.stat().st_size:
        text = f"'{file}' keeps its weights in other files, and a teacher is known by one"
        raise UserError(text, help="export it as one file")
    if found.classes != splits.classes:
        raise UserError(
            f"'{file}' gives {found.classes} classes, and the dataset has {splits.classes}",
            help="a teacher has a logit for each class of the dataset, in the order of its labels",
        )
    if found.probabilities:
        raise UserError(
            f"'{file}' gives probabilities, and losses compare logits",
            help="export it without its last softmax",
        )


def why_useless(outcome: Trained, splits: Splits) -> str:
    """Why a teacher that brings its weights can teach nothing; empty where it is better than chance."""
    weights = outcome.trial.weights
    if not weights or weights.tune:
        return ""
    top1, labels = outcome.curve[-1].validation_top1, splits.validation.labels
    chance = int(labels.bincount().max()) / len(labels)  # of always saying the largest class
    error = math.sqrt(chance * (1 - chance) / len(splits.validation))
    if top1 > chance + ERRORS * error:
        return ""
    return (
        f"its weights '{weights.label}' reach {100 * top1:.2f} % on validation, where chance is "
        f"{100 * chance:.3g} %: are its classes in the order of the dataset's labels, and are its pixels "
        f"'{weights.pixels}'?"
    )
