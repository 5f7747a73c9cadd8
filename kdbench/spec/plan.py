"""From a suite to the graph of trials that it asks for: pure functions, no files, no torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from pydantic import Field, JsonValue, ValidationError

from kdbench.spec.choice import Choice, NamedChoice, Record
from kdbench.spec.errors import Problem, UserError
from kdbench.spec.resolve import Located, fill, locate, resolve
from kdbench.spec.signature import Catalog, Kind
from kdbench.spec.suite import Pair, Suite
from kdbench.spec.teaching import Site
from kdbench.spec.trial import Lesson, Trial

ALONE = Choice(use="cross_entropy")
Role = Literal["teacher", "student", "step", "try", "confirmation"]
REPORTED: tuple[Role, ...] = ("teacher", "student")  # what stands in a row
SINGLE = "single"  # the usual way of teaching, which rows do not name


def row_name(loss: str, teaching: str, budget: float = 1.0, tuned: bool = False) -> str:
    """What reports call a row, from its loss, its way of teaching and its budget: `kd, generations(count=3), tuned`.

    The usual way (`single`) and the usual budget (1) are left out: `kd`.
    """
    way = teaching if teaching != SINGLE else ""
    longer = f"{budget:.3g} x epochs" if budget != 1 else ""
    return ", ".join(filter(None, (loss, way, "tuned" if tuned else "", longer)))


class Entry(Record):
    """Which trial stands in a row of the suite for one seed, or what else it is there for.

    A `step` leads to a row's student. A `try` is one of the settings that the tuning chooses among. A `confirmation`
    trains a row at a seed that took no part in choosing that row.
    """

    pair: str
    role: Role
    model: str
    loss: str
    teaching: str = ""  # the way of teaching; empty for teachers and for students that have none
    seed: int
    position: int = 0  # among what comes one after the other in its row: generations, tries
    key: str
    budget: float = 1.0  # epochs over those of the recipe
    tuned: bool = False  # under the settings that the tuning chose
    sweep: str = ""  # the label of the loss that it is a swept setting of
    # Where tuned, tried or swept: options, `lr` and keys of `train` that differ from the suite's.
    settings: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def row(self) -> str:
        """What reports call its row: see `row_name`."""
        return row_name(self.loss, self.teaching, self.budget, self.tuned)

    @property
    def title(self) -> str:
        """What it is in its pair: `teacher`, its row, or for a step `kd, generations(count=3), step 1`."""
        match self.role:
            case "teacher":
                return "teacher"
            case "student":
                return self.row
            case "confirmation":
                return f"{self.row}, confirmation"
        return f"{self.row}, {self.role} {self.position}"


@dataclass(frozen=True)
class Plan:
    """A resolved suite, its rows, and its trials by key, each after its parents."""

    suite: Suite
    entries: tuple[Entry, ...]
    trials: Mapping[str, Trial]

    @cached_property
    def waves(self) -> tuple[tuple[Trial, ...], ...]:
        """The trials by depth of the graph: a wave needs only what the waves before it left."""
        depth: dict[str, int] = {}
        for key, trial in self.trials.items():
            depth[key] = max((1 + depth[parent] for parent in trial.parents), default=0)
        found: list[list[Trial]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
        for key, trial in self.trials.items():
            found[depth[key]].append(trial)
        return tuple(map(tuple, found))

    @cached_property
    def reported(self) -> frozenset[str]:
        """The keys of what a row reports: these are exported, evaluated and timed; steps are only trained."""
        return frozenset(entry.key for entry in self.entries if entry.role in REPORTED)

    @cached_property
    def confirming(self) -> frozenset[str]:
        """The keys of confirmations that no row reports: these are exported, and evaluated on clean images alone."""
        return frozenset(entry.key for entry in self.entries if entry.role == "confirmation") - self.reported

    def parents(self, trial: Trial) -> tuple[Trial, ...]:
        """The trials that must be done before this one, in its order."""
        return tuple(self.trials[key] for key in trial.parents)


def plan(suite: Suite, catalog: Catalog) -> Plan:
    """The graph of trials of a suite. Raises `UserError` with every problem found."""
    written = {pair.label: pair for pair in suite.pairs}
    suite, problems = resolve(suite, catalog)
    if problems:
        raise UserError(Problem(f"{p.what} at {locate(at)}", p.where, p.source, p.help) for at, p in problems)
    graph = _Graph(suite, catalog, fill(ALONE, "losses", catalog, (), []))
    for pair in suite.pairs:
        graph.add_pair(pair, written[pair.label])
    return Plan(suite, tuple(graph.entries), graph.trials)


@dataclass
class _Graph:
    """A plan that grows pair by pair."""

    suite: Suite
    catalog: Catalog
    alone: Choice  # the loss of teachers
    entries: list[Entry] = field(default_factory=list)
    trials: dict[str, Trial] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)  # with the choices that trials make

    def add_pair(self, pair: Pair, written: Pair) -> None:
        """The pair's teachers and one row for each loss and way of teaching; `written` has the models' short labels."""
        teachers: dict[int, str] = {}

        def teacher(seed: int) -> str:
            if seed not in teachers:
                teachers[seed] = self._add_teacher(pair, written.teacher.label, seed)
            return teachers[seed]

        for index in range(self.suite.teacher_seeds):
            teacher(self.suite.teacher_seed(index))
        for loss in self.suite.losses:
            taught = "teacher" in self.catalog.signature("losses", loss.use).inputs
            for way in self.suite.teaching if taught else (None,):
                for index in range(len(self.suite.seeds)):
                    choice = Choice(use=loss.use, options=loss.options, origin=loss.origin)
                    site = Site(self.suite, pair, choice, index, teacher)
                    key = self._teach(site, way)
                    named = {"pair": pair.label, "model": written.student.label, "loss": loss.label, "seed": site.seed}
                    self._add_row(site, key, {**named, "teaching": way.label if way else ""})

    def _add_teacher(self, pair: Pair, model: str, seed: int) -> str:
        recipe = self.suite.teacher_train or self.suite.train
        lesson = Lesson(loss=self.alone)
        trial = Trial(model=pair.teacher, data=self.suite.data, lessons=(lesson,), train=recipe, seed=seed)
        self.trials.setdefault(trial.key, trial)
        self.entries.append(
            Entry(pair=pair.label, role="teacher", model=model, loss=self.alone.use, seed=seed, key=trial.key)
        )
        return trial.key

    def _teach(self, site: Site, way: NamedChoice | None) -> str:
        """The key of the student that a way of teaching ends in; without a way, of the student alone."""
        if way is None:
            return site.add(site.student())
        try:
            key: object = self.catalog.load("teaching", way.use)(site, **way.options)
        except ValidationError as error:
            places = (".".join(map(str, each["loc"])) for each in error.errors())
            found = (each["msg"].removeprefix("Value error, ") for each in error.errors())
            wrong = "; ".join(": ".join(filter(None, each)) for each in zip(places, found, strict=True))
            raise UserError(f"the way of teaching '{way.label}' makes a trial that is not valid: {wrong}") from error
        if not isinstance(key, str) or key not in site.trials:
            text = f"the way of teaching '{way.label}' gave {key!r}, not the key of a trial that it added"
            raise UserError(text, help="let it return what site.add(trial) gives for the student that is reported")
        return key

    def _add_row(self, site: Site, reported: str, named: dict[str, Any]) -> None:
        for key, (trial, position) in site.trials.items():
            if wrong := _foreign(trial, site, key == reported) or self._unresolved(trial):
                raise UserError(f"the way of teaching '{named['teaching']}' adds a trial {wrong}")
            if unknown := [parent for parent in trial.parents if parent not in self.trials]:
                text = f"the way of teaching '{named['teaching']}' asks for a trial {unknown[0]} that it has not added"
                raise UserError(text, help="add a trial with site.add(trial) before others name its key")
            self.trials.setdefault(key, trial)
            role: Role = "student" if key == reported else "step"
            self.entries.append(Entry(role=role, position=position, key=key, **named))

    def _unresolved(self, trial: Trial) -> str:
        """What is wrong with the names and options in a trial; empty where nothing is."""
        choices: list[tuple[Kind, Choice]] = [("models", trial.model), ("views", trial.view)]
        choices += [("losses", lesson.loss) for lesson in trial.lessons]
        choices += [("parts", part) for part in trial.data.parts]
        choices += [("views", view) for view in trial.train.augment]
        found = [wrong for kind, choice in choices if (wrong := self._wrong(kind, choice))]
        return "with an " + "; ".join(found) if found else ""

    def _wrong(self, kind: Kind, choice: Choice) -> str:
        """What is wrong with a choice. Each is looked up once: a plan of thousands of trials has few."""
        at = f"{kind} {choice.model_dump_json()}"
        if at not in self.wrong:
            problems: list[Located] = []
            fill(choice, kind, self.catalog, (), problems)
            self.wrong[at] = "; ".join(problem.what for _, problem in problems)
        return self.wrong[at]


def _foreign(trial: Trial, site: Site, reported: bool) -> str:
    """Why a trial cannot stand in its row, or an empty text.

    Data other than the suite's would be evaluated on the wrong test split, and another split into training and
    validation would let a student be selected on samples that its teacher was trained on. Only parts may differ. The
    row names the model and the seed of the student that it reports, by which it is compared with other rows.
    """
    if trial.data.model_copy(update={"parts": ()}) != site.suite.data.model_copy(update={"parts": ()}):
        return "on other data than the suite's: only its parts may differ"
    if reported and trial.model != site.pair.student:
        return f"of {trial.model.label} as the row's student, which is {site.pair.student.label}"
    if reported and trial.seed != site.seed:
        return f"of seed {trial.seed} as the row's student, whose seed is {site.seed}"
    return ""
