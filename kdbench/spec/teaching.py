"""Where a way of teaching makes the trials of one row."""

from collections.abc import Callable
from dataclasses import dataclass, field

from kdbench.spec.choice import Choice
from kdbench.spec.recipe import TrainSpec
from kdbench.spec.suite import Pair, Suite
from kdbench.spec.trial import Combine, Lesson, Trial


@dataclass(frozen=True)
class Site:
    """What a way of teaching is given to build from: one pair under one loss and one seed of a suite.

    A way is a function of a site and of its own options: it adds the trials that it needs, and returns the key of the
    student that the row reports. All other trials that it adds are steps towards that student: they are trained, but
    neither exported nor timed.

    `def way(site: Site, *, ...)` serves the losses that ask for a teacher. `def way(site: Site, taught: bool, *, ...)`
    serves all: where `taught` is False the loss asks for none, and the student alone that it makes is what the other
    rows of this way are compared with.
    """

    suite: Suite
    pair: Pair
    loss: Choice
    recipe: TrainSpec  # the student's
    seed: int  # what the row's student draws its initial weights, its order and its views from
    index: int  # of the seed among those of its kind, such as the suite's
    train_teacher: Callable[[int], str]  # from a seed to the key of the pair's teacher of that seed
    trials: dict[str, tuple[Trial, int]] = field(default_factory=dict)  # what was added: by key, with its position

    def teacher(self, further: int = 0) -> str:
        """The key of the teacher whose turn it is at this seed; `further` counts on to other teachers of the pair."""
        return self.train_teacher(self.suite.teacher_seed(self.index, further))

    def student(self, *teachers: str, combine: Combine | None = None) -> Trial:
        """The pair's student under the loss, taught by trials of these keys; by labels alone without any.

        `combine` says how the outputs of several teachers become those of one: see `Lesson`.
        """
        lesson = Lesson(loss=self.loss, teachers=teachers, combine=combine if len(teachers) > 1 else None)
        return Trial(
            model=self.pair.student,
            data=self.suite.data,
            lessons=(lesson,),
            train=self.recipe,
            view=self.suite.view,
            seed=self.seed,
        )

    def add(self, trial: Trial, position: int = 0) -> str:
        """Have a trial trained, and give its key. `position` counts what comes one after the other: generations.

        Raises `pydantic.ValidationError` where the trial is not valid, which `model_copy` does not check.
        """
        valid = Trial.model_validate(trial.model_dump(mode="json", warnings=False))
        self.trials[valid.key] = (valid, position)
        return valid.key
