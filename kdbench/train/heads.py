"""The heads of a trial in training: the columns that a lesson or a validation sees, and labels as their places."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kdbench.spec import Lesson, Trial, UserError
from kdbench.spec.task import misfit
from kdbench.zoo.datasets.splits import Splits
from kdbench.zoo.interface import NotApplicable


@dataclass(frozen=True)
class Sight:
    """Some columns [K] of a network's output, and by class of the dataset its place among them, -1 for none; int64."""

    columns: Tensor
    places: Tensor

    def labels(self, labels: Tensor) -> Tensor:
        """Labels of the dataset [B] as places among these columns; -1 for a sample that has none."""
        return self.places[labels].where(labels >= 0, -1)


def sight_of(trial: Trial, names: Sequence[str], splits: Splits) -> Sight | None:
    """What the heads of these names see; without names all. None where the trial has no heads: all there is.

    Raises `UserError` where its heads do not fit the dataset.
    """
    if not trial.heads:
        return None
    if reason := misfit(trial.heads, splits.classes):
        help = "let the classes or groups of the way of teaching have each class of the dataset, and no other"
        raise UserError(reason, help=help)
    found, device = trial.columns(names, splits.classes), splits.train.labels.device
    places = found.of_classes(splits.classes)
    return Sight(torch.tensor(found.places, device=device), torch.tensor(places, device=device))


def teacher_columns(trial: Trial, lesson: Lesson, teacher: Trial | None, outputs: int, splits: Splits) -> Tensor | None:
    """The columns that a teacher with so many gives to a lesson; None for all of them.

    A teacher with one head gives that one, any other the heads that the lesson sees. Raises `NotApplicable` where it
    has no such head, or columns for other classes than the lesson sees.
    """
    names = lesson.heads or tuple(head.name for head in trial.heads)
    found = None
    if teacher and len(teacher.heads) > 1:
        owned = {head.name for head in teacher.heads}
        if missing := [name for name in names if name not in owned]:
            raise NotApplicable(f"its teacher has no head '{missing[0]}', only {', '.join(sorted(owned))}")
        places = teacher.columns(names or teacher.deploys, splits.classes).places
        found = torch.tensor(places, device=splits.train.labels.device)
    seen = trial.columns(lesson.heads, splits.classes).groups
    given = outputs if found is None else len(found)
    if (trial.heads or found is not None) and given != len(seen):
        raise NotApplicable(f"its teacher gives {given} columns, and the lesson sees {len(seen)} of the student's")
    if teacher and teacher.columns(names if found is not None else (), splits.classes).groups != seen:
        raise NotApplicable("its teacher's columns stand for other classes than those that the lesson sees")
    return found
