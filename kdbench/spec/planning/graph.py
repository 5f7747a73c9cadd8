"""The graph of trials of a suite: what ways of teaching add is checked, and entered under its row."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from kdbench.spec.choice import Choice, NamedChoice
from kdbench.spec.errors import UserError
from kdbench.spec.planning.choices import Done
from kdbench.spec.planning.entry import Entry, Role
from kdbench.spec.planning.site import Site
from kdbench.spec.resolve import Located, fill
from kdbench.spec.signature import Catalog, Kind
from kdbench.spec.suite import Suite
from kdbench.spec.task import classes_of
from kdbench.spec.trial import Trial
from kdbench.spec.variants import Int8Qat

MOST_TRIALS = 20_000  # of a suite: seeds, losses, settings and tries multiply


@dataclass
class Graph:
    """The entries and trials of the pairs that were added so far."""

    suite: Suite
    catalog: Catalog
    done: Done
    entries: list[Entry] = field(default_factory=list)
    trials: dict[str, Trial] = field(default_factory=dict)
    later: list[str] = field(default_factory=list)
    wrong: dict[str, str] = field(default_factory=dict)  # with the choices that trials make

    def teach(self, site: Site, way: NamedChoice | None, role: Role, named: Mapping[str, Any]) -> str:
        """Add what a way of teaching makes of a site; without a way, the student alone. Gives the student's key.

        The student stands under `role`, and the steps of a row under `step` or `stage`; `named` has the other fields of
        `Entry`.
        """
        if len(self.trials) > MOST_TRIALS:
            help = "give fewer seeds, losses, settings or tries, or divide it into several suites"
            raise UserError(f"the suite has more than {MOST_TRIALS} trials", help=help)
        reported = self._reported(site, way)
        for key, (trial, position, evaluated) in site.trials.items():
            if trial.combine and role != "student":
                continue  # it is reported beside a row, and nothing learns from it
            if wrong := _foreign(trial, site, key == reported, evaluated) or self._unresolved(trial):
                raise UserError(f"the way of teaching '{named['teaching']}' adds a trial {wrong}")
            if unknown := [parent for parent in trial.parents if parent not in self.trials]:
                text = f"the way of teaching '{named['teaching']}' asks for a trial {unknown[0]} that it has not added"
                raise UserError(text, help="add a trial with site.add(trial) before others name its key")
            self.trials.setdefault(key, trial)
            if trial.combine:
                self.entries.append(Entry(**{**named, "model": self._members(trial)}, role="ensemble", key=key))
            elif key == reported:
                self.entries.append(Entry(**{"position": position, **named}, role=role, key=key))
            elif role == "student":
                own = {} if trial.model == site.pair.student else {"model": trial.model.label}
                step: Role = "stage" if evaluated else "step"
                self.entries.append(Entry(**{**named, **own}, position=position, role=step, key=key))
        if role == "student":
            self._train_variants(self.trials[reported], named)
        return reported

    def taught(self, loss: Choice) -> bool:
        """Whether a loss asks for a teacher."""
        return "teacher" in self.catalog.signature("losses", loss.use).inputs

    def inputs(self, way: Choice) -> tuple[str, ...]:
        """What a way of teaching takes: the site, and where it serves losses without a teacher, too, `taught`."""
        return self.catalog.signature("teaching", way.use).inputs

    def _members(self, ensemble: Trial) -> str:
        """What an ensemble is made of: '2 x cnn(width=16) + mlp'."""
        names = {entry.key: entry.model for entry in self.entries}
        counts = Counter(names.get(member, self.trials[member].model.label) for member in ensemble.start)
        return " + ".join(f"{count} x {name}" if count > 1 else name for name, count in counts.items())

    def fill(self, choice: Choice, kind: Kind) -> Choice:
        """A choice that a way of teaching or a tuning makes, with every option. Raises `UserError`."""
        problems: list[Located] = []
        filled = fill(choice, kind, self.catalog, (), problems)
        if problems:
            raise UserError(problem for _, problem in problems)
        return filled

    def _train_variants(self, student: Trial, named: Mapping[str, Any]) -> None:
        """The further training of each variant that is trained: the same lessons, from the student's weights."""
        for variant in self.suite.variants:
            if isinstance(variant, Int8Qat):
                if not student.train.epochs:
                    text = (
                        f"'{variant.use}' trains a student further, and under '{named['teaching']}' none is trained: "
                    )
                    text += "its weights are taken from others"
                    raise UserError(text, help="leave out that variant, or give int8_static, which trains nothing")
                recipe = student.train.lasting(variant.epochs).at(variant.lr * student.train.optimizer.lr)
                further = {
                    "train": recipe.model_copy(update={"precision": "float32"}),
                    "start": (student.key,),
                    "merge": (),
                    "span": None,
                    "weight_bits": variant.weight_bits,
                }
                trial = student.model_copy(update=further)
                self.trials.setdefault(trial.key, trial)
                self.entries.append(Entry(**named, role="variant", variant=variant.label, key=trial.key))

    def _reported(self, site: Site, way: NamedChoice | None) -> str:
        if way is None:
            return site.add(site.student())
        try:
            given = {"site": site, "taught": self.taught(site.loss)}
            inputs = [given[name] for name in self.inputs(way)]
            key: object = self.catalog.load("teaching", way.use)(*inputs, **way.options)
        except ValidationError as error:
            places = (".".join(map(str, each["loc"])) for each in error.errors())
            found = (each["msg"].removeprefix("Value error, ") for each in error.errors())
            wrong = "; ".join(": ".join(filter(None, each)) for each in zip(places, found, strict=True))
            text = f"the way of teaching '{way.label}' makes a trial that is not valid: {wrong}"
            raise UserError(text, help=f"change its options: see `kdbench show {way.use}`") from error
        if not isinstance(key, str) or key not in site.trials:
            text = f"the way of teaching '{way.label}' gave {key!r}, not the key of a trial that it added"
            raise UserError(text, help="let it return what site.add(trial) gives for the student that is reported")
        return key

    def _unresolved(self, trial: Trial) -> str:
        """What is wrong with the names and options in a trial; empty where nothing is."""
        choices: list[tuple[Kind, Choice]] = [("models", trial.model), ("views", trial.view)]
        choices += [("losses", lesson.loss) for lesson in trial.lessons]
        choices += [("parts", part) for part in (*trial.data.parts, *trial.data.labelled)]
        choices += [("datasets", trial.data.dataset), *(("views", view) for view in trial.train.augment)]
        found = [wrong for kind, choice in choices if (wrong := self._wrong(kind, choice))]
        if found:
            return "with an " + "; ".join(found)
        untaught = [lesson.loss.use for lesson in trial.lessons if lesson.teachers and not self.taught(lesson.loss)]
        return f"with a teacher for the loss '{untaught[0]}', which asks for none" if untaught else ""

    def _wrong(self, kind: Kind, choice: Choice) -> str:
        """What is wrong with a choice. Each is looked up once: a plan of thousands of trials has few."""
        at = f"{kind} {choice.model_dump_json()}"
        if at not in self.wrong:
            problems: list[Located] = []
            fill(choice, kind, self.catalog, (), problems)
            self.wrong[at] = "; ".join(problem.what for _, problem in problems)
        return self.wrong[at]


def _foreign(trial: Trial, site: Site, reported: bool, evaluated: bool) -> str:
    """Why a trial cannot stand in its row, or an empty text.

    What is evaluated on other data than the suite's would be so on the wrong test split, and another split of its
    dataset into training and validation would let a student be selected on samples that its teacher was trained on.
    Only parts may differ, and which samples keep their labels; a step may be on another dataset. The row names the
    model and the seed of the student that it reports, by which it is compared with other rows.
    """
    samples = {"parts": (), "labelled": ()}
    other = trial.data.dataset != site.suite.data.dataset
    if other and (reported or evaluated or trial.combine):
        return "that is evaluated on another dataset than the suite's"
    if not other and trial.data.model_copy(update=samples) != site.suite.data.model_copy(update=samples):
        return "on other data than the suite's: only its parts may differ"
    if reported and trial.combine:
        return "that is an ensemble as the row's student: return the key of one network"
    if reported and site.pair.student not in (trial.model, _inner(trial)):
        return f"of {trial.model.label} as the row's student, which is {site.pair.student.label}"
    if reported and trial.weight_bits:
        return "trained in 8 bits as the row's student: a suite asks for that by variants = ['fp32', 'int8_qat']"
    if reported and classes_of(trial.heads, trial.deploys) != classes_of(trial.heads, ()):
        return f"that deploys only {', '.join(trial.deploys)} as the row's student, which lack some classes"
    answers = [head for head in trial.heads if head.name in (trial.deploys or [head.name])]
    if reported and any(len(group) > 1 for head in answers for group in head.groups):
        return "that answers with groups of classes as the row's student, whose rivals tell every class apart"
    if reported and trial.seed != site.seed:
        return f"of seed {trial.seed} as the row's student, whose seed is {site.seed}"
    return ""


def _inner(trial: Trial) -> Choice | None:
    """The model that a network of several heads is made of, where a trial has one."""
    of = trial.model.options.get("of")
    return Choice.model_validate(of) if trial.deploys and of else None
