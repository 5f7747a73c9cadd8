"""A lesson in training: its loss, and the teachers whose outputs it compares the student's with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from kdbench.spec import Lesson, Trial
from kdbench.train.build import Criterion
from kdbench.train.ensemble import confidence, mean_of_probabilities
from kdbench.train.heads import Sight, sight_of, teacher_columns
from kdbench.train.teacher import Teacher
from kdbench.train.untouched import untouched
from kdbench.zoo.datasets.splits import Splits
from kdbench.zoo.interface import Moment, NotApplicable, Outputs


@dataclass(eq=False)
class Instruction:
    """One lesson of one trial, ready for training. `teachers` come in the lesson's order, once they are open."""

    lesson: Lesson
    criterion: Criterion
    teachers: list[Teacher] = field(default_factory=list)
    hidden: bool = False  # whether some training samples have no label that the lesson sees
    sight: Sight | None = None  # what it sees of the student; none: all there is
    theirs: Sequence[Tensor | None] = ()  # the columns of each teacher that it sees; none: all
    peers: Sequence[Tensor] = ()  # the student's own columns that teach
    known: Tensor | None = None  # the labels [N] of all training samples as places among the columns that it sees
    called: bool = False

    def loss(self, student: Outputs, taught: Mapping[Teacher, Outputs], labels: Tensor, moment: Moment) -> Tensor:
        """Its weighted loss on a batch, given the outputs of each teacher.

        A lesson with labels learns from the samples that have one in its heads, a lesson without from all. Without any
        sample it is 0.
        """
        given = self._given(student, taught)
        if self.sight:
            student, labels = _columns(student, self.sight.columns), self.sight.labels(labels)
            moment = replace(moment, known=self.known)
        seen = labels if self.lesson.labels else None
        if not self.lesson.labels:
            moment = replace(moment, known=None)
        elif self.hidden:
            rows = torch.nonzero(labels >= 0).flatten()
            if len(rows) < self._fewest:
                return 0.0 * student.logits.sum()
            student, seen = _rows(student, rows), labels[rows]
            given = [_rows(teacher, rows) for teacher in given]
            draw = replace(moment.draw, samples=moment.draw.samples[rows])
            moment = replace(moment, draw=draw, known=None)
        teacher = combine_outputs(given, self.lesson, seen) if given else None
        return self.lesson.weight * self._called(student, teacher, seen, moment)

    def _called(self, student: Outputs, teacher: Outputs | None, labels: Tensor | None, moment: Moment) -> Tensor:
        """What the loss gives. At its first call raises `NotApplicable` for what is no scalar with a gradient, and
        where it writes into what it is given."""
        if self.called:
            return self.criterion(student, teacher, labels, moment)
        self.called = True
        taught = (teacher.logits, *teacher.features.values()) if teacher else ()
        with untouched([labels, moment.known, *taught], "the labels or what its teacher gives"):
            value: object = self.criterion(student, teacher, labels, moment)
        if not isinstance(value, Tensor) or value.ndim:
            given = list(value.shape) if isinstance(value, Tensor) else f"a {type(value).__name__}"
            raise NotApplicable(f"it gives {given} in place of a scalar: let it return a tensor, such as the mean")
        if student.logits.requires_grad and not value.requires_grad:
            raise NotApplicable("its value does not depend on the student, which would learn nothing")
        return value

    def _given(self, student: Outputs, taught: Mapping[Teacher, Outputs]) -> list[Outputs]:
        """What each of its teachers and peers gives for the columns that it sees."""
        given = [
            taught[teacher] if columns is None else _columns(taught[teacher], columns)
            for teacher, columns in zip(self.teachers, self.theirs or [None] * len(self.teachers), strict=True)
        ]
        return given + [Outputs(student.logits.detach()[:, columns]) for columns in self.peers]

    @property
    def _fewest(self) -> int:
        """How many samples the loss needs: one with weights of its own may have a batch norm, which needs two."""
        return 2 if self.criterion.parameters else 1

    def taught_by(self, taught: Mapping[Teacher, Outputs], labels: Tensor) -> Outputs:
        """The outputs of its teachers for the whole batch, as those of one."""
        return combine_outputs([taught[teacher] for teacher in self.teachers], self.lesson, labels)


def instruct(
    trial: Trial,
    lesson: Lesson,
    criterion: Criterion,
    teachers: Sequence[tuple[Trial | None, int]],
    splits: Splits,
) -> Instruction:
    """A lesson of a trial on this data; of each teacher its trial, where known, and its number of columns.

    Raises `NotApplicable` where a teacher or a peer does not give what the lesson sees, and `UserError` where the
    trial's heads do not fit the data.
    """
    sight = sight_of(trial, lesson.heads, splits)
    labels = sight.labels(splits.train.labels) if sight else splits.train.labels
    hidden = bool((labels < 0).any())
    peers = [each.columns for name in lesson.peers if (each := sight_of(trial, (name,), splits))]
    if sight and any(len(columns) != len(sight.columns) for columns in peers):
        raise NotApplicable(f"its peers {', '.join(lesson.peers)} have other numbers of columns than the heads it sees")
    theirs = [teacher_columns(trial, lesson, teacher, outputs, splits) for teacher, outputs in teachers]
    known = labels if sight and not hidden else None
    return Instruction(lesson, criterion, hidden=hidden, sight=sight, theirs=theirs, peers=peers, known=known)


def _rows(outputs: Outputs, rows: Tensor) -> Outputs:
    """The outputs of some samples of a batch."""
    return Outputs(outputs.logits[rows], {layer: values[rows] for layer, values in outputs.features.items()})


def _columns(outputs: Outputs, columns: Tensor) -> Outputs:
    """Some columns of the logits, and all features."""
    return replace(outputs, logits=outputs.logits[:, columns])


def combine_outputs(outputs: Sequence[Outputs], lesson: Lesson, labels: Tensor | None = None) -> Outputs:
    """The outputs of one teacher as they are; of several, logits [B, C] that stand for their mean.

    "logits": the mean of the logits. "probabilities": T log(mean of softmax(z / T)), whose softmax at the loss's
    temperature T is the mean of the teachers' probabilities; T is 1 for a loss without the option `temperature`.
    "confidence": likewise, where each teacher's share in the mean of a sample is the greater the less it errs there.
    """
    if len(outputs) == 1:
        return outputs[0]
    logits = torch.stack([each.logits for each in outputs])
    if lesson.combine == "logits":
        return Outputs(logits.mean(dim=0))
    given = lesson.loss.options.get("temperature")
    temperature = float(given) if isinstance(given, int | float) else 1.0
    if lesson.combine != "confidence":
        return Outputs(mean_of_probabilities(logits, temperature))
    assert labels is not None, "a lesson that weighs teachers by the labels has labels"
    return Outputs(mean_of_probabilities(logits, temperature, confidence(logits, labels)))
