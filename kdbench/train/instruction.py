"""A lesson in training: its loss, and the teachers whose outputs it compares the student's with."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from kdbench.spec import Lesson
from kdbench.train.build import Criterion
from kdbench.train.teacher import Teacher
from kdbench.zoo.interface import Moment, Outputs


@dataclass(eq=False)
class Instruction:
    """One lesson of one trial, ready for training. `teachers` come in the lesson's order, once they are open."""

    lesson: Lesson
    criterion: Criterion
    teachers: list[Teacher] = field(default_factory=list)
    hidden: bool = False  # whether some training samples have no label (-1)

    def loss(self, student: Outputs, taught: Mapping[Teacher, Outputs], labels: Tensor, moment: Moment) -> Tensor:
        """Its weighted loss on a batch, given the outputs of each teacher.

        A lesson with labels learns from the samples that have one, a lesson without from all. Without any it is 0.
        """
        teacher = (
            combine_outputs([taught[teacher] for teacher in self.teachers], self.lesson) if self.teachers else None
        )
        if not self.lesson.labels:
            return self.lesson.weight * self.criterion(student, teacher, None, replace(moment, known=None))
        if self.hidden:
            rows = torch.nonzero(labels >= 0).flatten()
            if len(rows) < self._fewest:
                return 0.0 * student.logits.sum()
            student, labels = _take(student, rows), labels[rows]
            teacher = _take(teacher, rows) if teacher else None
            draw = replace(moment.draw, samples=moment.draw.samples[rows])
            moment = replace(moment, draw=draw, known=None)
        return self.lesson.weight * self.criterion(student, teacher, labels, moment)

    @property
    def _fewest(self) -> int:
        """How many samples the loss needs: one with weights of its own may have a batch norm, which needs two."""
        return 2 if self.criterion.parameters else 1


def _take(outputs: Outputs, rows: Tensor) -> Outputs:
    """The outputs of some samples of a batch."""
    return Outputs(outputs.logits[rows], {layer: values[rows] for layer, values in outputs.features.items()})


def combine_outputs(outputs: Sequence[Outputs], lesson: Lesson) -> Outputs:
    """The outputs of one teacher as they are; of several, logits [B, C] that stand for their mean.

    "logits": the mean of the logits. "probabilities": T log(mean of softmax(z / T)), whose softmax at the loss's
    temperature T is the mean of the teachers' probabilities; T is 1 for a loss without the option `temperature`.
    """
    if len(outputs) == 1:
        return outputs[0]
    logits = torch.stack([each.logits for each in outputs])
    if lesson.combine == "logits":
        return Outputs(logits.mean(dim=0))
    given = lesson.loss.options.get("temperature")
    temperature = float(given) if isinstance(given, int | float) else 1.0
    total = torch.logsumexp(torch.log_softmax(logits / temperature, dim=-1), dim=0)
    return Outputs(temperature * (total - math.log(len(outputs))))
