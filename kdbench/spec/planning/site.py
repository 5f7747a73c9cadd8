"""Where a way of teaching makes the trials of one row."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from pydantic import JsonValue

from kdbench.spec.choice import Choice
from kdbench.spec.errors import UserError
from kdbench.spec.planning.entry import ALONE
from kdbench.spec.recipe import TrainSpec
from kdbench.spec.signature import Kind
from kdbench.spec.suite import Pair, Suite
from kdbench.spec.task import HeadSpec
from kdbench.spec.trial import Combine, DataSpec, Lesson, Mean, Trial


class Added(NamedTuple):
    """A trial that a way of teaching adds, its place in what comes one after the other, and whether it is a stage."""

    trial: Trial
    position: int
    evaluated: bool


@dataclass(frozen=True)
class Site:
    """What a way of teaching is given to build from: one pair under one loss and one seed of a suite.

    A way is a function of a site and of its own options: it adds the trials that it needs, and returns the key of the
    student that the row reports. All other trials that it adds are steps towards that student: they are trained, but
    neither exported nor timed. Stages are steps that are exported, and evaluated on clean images.

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
    train_teacher: Callable[[int, Choice], str]  # from a seed and a filled model to the key of that teacher
    fill: Callable[[Choice, Kind], Choice]  # with every option; raises `UserError` for what there is not
    trials: dict[str, Added] = field(default_factory=dict)  # by key

    def model(self, written: Choice) -> Choice:
        """A model that an option of a way names (as JSON, too), with its own options filled in. Raises `UserError`."""
        return self.fill(Choice.model_validate(written), "models")

    def dataset(self, written: Choice) -> DataSpec:
        """A dataset that an option of a way names, likewise; its validation is held out as that of the suite is."""
        changes = {"dataset": self.fill(Choice.model_validate(written), "datasets"), "parts": (), "labelled": ()}
        return self.suite.data.model_copy(update=changes)

    def view(self, view: Choice) -> Choice:
        """What a way of teaching lets its student see. Raises `UserError` where the suite has a view of its own."""
        if self.suite.view.use != "clean":
            text = f"the way of teaching gives students the view '{view.use}', and the suite '{self.suite.view.use}'"
            raise UserError(text, help="leave out view in the suite: a student has one")
        return view

    def teacher(self, further: int = 0, model: Choice | None = None) -> str:
        """The key of the teacher whose turn it is at this seed; `further` counts on to other teachers of the pair.

        `model` asks for a teacher of another architecture, which is trained as those of the pair are.
        """
        return self.train_teacher(self.suite.teacher_seed(self.index, further), model or self.pair.teacher)

    def student(self, *teachers: str, combine: Combine | Literal["losses"] | None = None) -> Trial:
        """The pair's student under the loss, taught by trials of these keys; by labels alone without any.

        `combine` says how the outputs of several teachers become those of one: see `Lesson`. With "losses" each
        teaches a lesson of its own, and the mean of the losses is minimized.
        """
        if combine == "losses" and teachers:
            lessons = [Lesson(loss=self.loss, teachers=(key,), weight=1 / len(teachers)) for key in teachers]
        else:
            mean = combine if combine != "losses" and len(teachers) > 1 else None
            lessons = [Lesson(loss=self.loss, teachers=teachers, combine=mean)]
        return Trial(
            model=self.pair.student,
            data=self.suite.data,
            lessons=tuple(lessons),
            train=self.recipe,
            view=self.suite.view,
            seed=self.seed,
        )

    def ensemble(self, model: Choice, *members: str, combine: Mean = "probabilities") -> str:
        """The key of several trials as one network, which is reported beside the row; of a single one its own.

        `model` is that of the first.
        """
        if len(members) == 1:
            return members[0]
        ensemble = Trial(
            model=model,
            data=self.suite.data,
            lessons=(Lesson(loss=self.fill(ALONE, "losses")),),  # which nothing is trained with
            train=TrainSpec(epochs=0),
            seed=0,  # nothing is drawn: the same members are the same ensemble at every seed
            start=members,
            combine=combine,
        )
        return self.add(ensemble)

    def joint(
        self, use: str, options: Mapping[str, JsonValue], lessons: Mapping[str, Sequence[Lesson]], head: str, main: str
    ) -> str:
        """The key of a trial of which `head` is deployed: of a network of several heads around the pair's student.

        `use` and `options` choose the network among the models; `lessons` has what each of its heads learns from, in
        their order. While they train together, the head `main` is validated. Another one is taken out of the same
        weights by a trial of its own, without training.
        """
        inner = self.pair.student.model_dump(mode="json")
        plain = self.student()
        changes = {
            "model": self.fill(Choice(use=use, options={"of": inner, **options}), "models"),
            "heads": tuple(HeadSpec(name=name) for name in lessons),
            "lessons": tuple(each.model_copy(update={"heads": (name,)}) for name in lessons for each in lessons[name]),
            "deploys": (main,),
        }
        together = plain.model_copy(update=changes)
        key = self.add(together, position=1)
        if head == main:
            return key
        untrained = plain.train.model_copy(update={"epochs": 0})
        taken = {"start": (key,), "train": untrained, "deploys": (head,)}
        return self.add(together.model_copy(update=taken), position=2)

    def add(self, trial: Trial, position: int = 0, *, evaluated: bool = False) -> str:
        """Have a trial trained, and give its key. `position` counts what comes one after the other: generations.

        Where `evaluated` it is a stage. Raises `pydantic.ValidationError` where the trial is not valid, which
        `model_copy` does not check.
        """
        valid = Trial.model_validate(trial.model_dump(mode="json", warnings=False))
        self.trials[valid.key] = Added(valid, position, evaluated)
        return valid.key
