"""What a suite asks for of one pair: teachers, rows, tries of the tuning, and the confirmation of a candidate."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pydantic import JsonValue

from kdbench.spec.choice import Choice, NamedChoice
from kdbench.spec.comparison import Tuning
from kdbench.spec.errors import UserError
from kdbench.spec.planning.choices import best, equal_cost, mean_validation
from kdbench.spec.planning.entry import ALONE, Entry, Role, loss_alone, row_name
from kdbench.spec.planning.graph import Graph
from kdbench.spec.planning.site import Site
from kdbench.spec.recipe import TrainSpec
from kdbench.spec.search.space import ask_optuna, quasi_random, search_space
from kdbench.spec.suite import LossChoice, Pair, Suite
from kdbench.spec.trial import Checkpoint, Lesson, Trial

Settings = Mapping[str, JsonValue]


@dataclass(frozen=True)
class Row:
    """A loss under a way of teaching (None: the plain student), at a budget, with or without tuned settings."""

    loss: LossChoice
    way: NamedChoice | None
    budget: float = 1.0
    tuned: Settings | None = None  # over those of the loss

    @property
    def teaching(self) -> str:
        """The label of its way of teaching; empty without one."""
        return self.way.label if self.way else ""

    @property
    def alone(self) -> bool:
        """Whether the student learns alone, from labels."""
        return self.loss.use == ALONE.use


@dataclass
class PairGraph:
    """Adds one pair to the graph; `written` is the pair with its models' short labels."""

    graph: Graph
    pair: Pair
    written: Pair
    lone: Choice  # the loss of teachers
    teachers: dict[tuple[int, str], str] = field(default_factory=dict)  # keys by seed and model

    @property
    def suite(self) -> Suite:
        return self.graph.suite

    def add(self) -> None:
        """Everything, as far as it follows from the trials that are done."""
        for index in range(self.suite.teacher_seeds):
            self._teacher(self.suite.teacher_seed(index), self.pair.teacher.model)
        rows = list(self._published())
        keys = self._add_rows(rows)
        waiting = len(self.graph.later)
        if tuning := self.suite.tuning:
            rows = [tuned for row in rows if (tuned := self._tuned(row, tuning))]
            keys = self._add_rows(rows)
        if self.suite.confirming and len(self.graph.later) == waiting:  # else a tuned row is still to come
            self._confirm([(row, keys[number]) for number, row in enumerate(rows)])

    def _published(self) -> Iterator[Row]:
        """Each loss under each way of teaching; one without a teacher plain, and under the ways that take `taught`."""
        for loss in self.suite.losses:
            ways: tuple[NamedChoice | None, ...] = self.suite.teaching
            if not self.graph.taught(loss):
                ways = (None, *(way for way in ways if way and "taught" in self.graph.inputs(way)))
            yield from (Row(loss, way) for way in ways)

    def _add_rows(self, rows: Sequence[Row]) -> list[list[str]]:
        """Each at its budgets and all seeds. Gives the keys of its trials at the budget 1."""
        found = []
        for row in rows:
            keys = {budget: self._add_row(replace(row, budget=budget)) for budget in self._budgets(row.loss)}
            found.append(keys.get(1.0, []))
        return found

    def _budgets(self, loss: LossChoice) -> Sequence[float]:
        if loss.label != loss_alone(self.suite):
            return self.suite.budget.losses
        return self.suite.budget.alone if self.suite.budget.by != "epochs" else (1.0,)

    def _add_row(self, row: Row) -> list[str]:
        return [self._train(row, "student", index, seed) for index, seed in enumerate(self.suite.seeds)]

    def _train(self, row: Row, role: Role, index: int, seed: int, position: int = 0, epochs: int | None = None) -> str:
        """Add a row's student of one seed, and what it needs. `index` decides whose turn it is to teach."""
        settings = row.loss.settings if row.tuned is None else row.tuned
        site = Site(
            suite=self.suite,
            pair=self.pair.model_copy(update={"teacher": self.pair.teacher.model}),
            loss=self._loss(row),
            recipe=self._recipe(row, epochs),
            seed=seed,
            index=index,
            train_teacher=self._teacher,
            fill=self.graph.fill,
        )
        named = {
            "pair": self.pair.label,
            "model": self.written.student.label,
            "loss": row.loss.label,
            "teaching": row.teaching,
            "seed": seed,
            "budget": row.budget,
            "tuned": row.tuned is not None and role != "try",
            "sweep": row.loss.sweep,
            "settings": dict(settings),
        }
        return self.graph.teach(site, row.way, role, named | ({"position": position} if position else {}))

    def _loss(self, row: Row) -> Choice:
        """The row's loss with its tuned options."""
        options = {name: value for name, value in (row.tuned or {}).items() if name != "lr"}
        return self.graph.fill(Choice(use=row.loss.use, options={**row.loss.options, **options}), "losses")

    def _recipe(self, row: Row, epochs: int | None) -> TrainSpec:
        """The suite's recipe with the learning rate of the pair, then what the loss changes, then what was tuned."""
        found = self.suite.train if self.pair.lr is None else self.suite.train.at(self.pair.lr)
        found = row.loss.recipe(found)
        if row.tuned and "lr" in row.tuned:
            found = found.at(float(str(row.tuned["lr"])))
        return found.lasting(epochs or row.budget * found.epochs)

    def _teacher(self, seed: int, model: Choice) -> str:
        """The key of a teacher of a seed, which is added where it is not there yet: the pair's, or of another model."""
        if (seed, model.label) not in self.teachers:
            own = model == self.pair.teacher.model
            weights = self.pair.teacher.weights if own else None
            given = weights is not None and not weights.tune
            trial = self._given(seed) if given else self._trained(model, seed, weights)
            self.graph.trials.setdefault(trial.key, trial)
            entry = Entry(
                pair=self.pair.label,
                role="teacher" if own else "member",
                model=(self.written.teacher if own else model).label,
                loss=self.lone.use,
                seed=seed,
                key=trial.key,
            )
            self.graph.entries.append(entry)
            self.teachers[seed, model.label] = trial.key
        return self.teachers[seed, model.label]

    def _trained(self, model: Choice, seed: int, weights: Checkpoint | None) -> Trial:
        return Trial(
            model=model,
            data=self.suite.data,
            lessons=(Lesson(loss=self.lone),),
            train=self.suite.teacher_train or self.suite.train,
            seed=seed,
            weights=weights,
        )

    def _given(self, seed: int) -> Trial:
        """The teacher that brings its weights: the same for every suite and seed that it is asked by."""
        if seed != self.suite.teacher_seed(0):
            text = f"several teachers of '{self.pair.label}' are asked for, and its teacher brings its weights"
            raise UserError(text, help="leave out weights, so that they are trained, or the way that asks for several")
        return Trial(
            model=self.pair.teacher.model,
            data=self.suite.data,
            lessons=(Lesson(loss=self.lone),),  # which nothing is trained with
            train=TrainSpec(epochs=0),
            seed=0,
            weights=self.pair.teacher.weights,
        )

    def _tuned(self, row: Row, tuning: Tuning) -> Row | None:
        """The row under the settings that are best on validation; None as long as some try has not ended."""
        tries: list[tuple[Settings, list[str]]] = []
        for settings in self._settings(row, tuning, tries):
            tried = replace(row, tuned=settings)
            number = len(tries) + 1
            keys = [
                self._train(tried, "try", index, seed, number, tuning.epochs) for index, seed in enumerate(tuning.seeds)
            ]
            tries.append((settings, keys))
        if len(tries) < tuning.trials or not self._ended(key for _, keys in tries for key in keys):
            name = row_name(row.loss.label, row.teaching, tuned=True)
            self.graph.later.append(f"{self.pair.label}: {name}, once its {tuning.trials} tries have ended")
            return None
        chosen = best(tries, self.graph.done)
        return None if chosen is None else replace(row, tuned=chosen)

    def _settings(
        self, row: Row, tuning: Tuning, tries: Sequence[tuple[Settings, Sequence[str]]]
    ) -> Iterator[Settings]:
        """What to try, in order; a search that learns from `tries` ends before one that has to wait for another."""
        signature = self.graph.catalog.signature("losses", row.loss.use)
        lr = self._recipe(row, None).optimizer.lr
        space = search_space(signature, row.loss.options, lr, tuning.lr)
        if tuning.search == "quasi-random":
            yield from quasi_random(space, tuning.trials)
            return
        while len(tries) < tuning.trials and self._ended(key for _, keys in tries for key in keys):
            told = [(settings, mean_validation(keys, self.graph.done)) for settings, keys in tries]
            yield ask_optuna(space, told)

    def _ended(self, keys: Iterable[str]) -> bool:
        return all(key in self.graph.done for key in keys)

    def _confirm(self, rows: Sequence[tuple[Row, Sequence[str]]]) -> None:
        """Train the best row on validation and the student alone at seeds that took no part in that choice.

        The student alone, under the same way of teaching where that has one, is trained for as many epochs as its
        rival, and for as many as cost the same. Where it is the best itself, or where the suite does not have it, there
        is nothing to confirm.
        """
        done = self.graph.done
        lone = {row.teaching: (row, keys) for row, keys in reversed(rows) if row.alone}
        if not lone:
            return
        if not self._ended(key for _, keys in rows for key in keys):
            self.graph.later.append(f"{self.pair.label}: confirmation of the best row, once its rows are trained")
            return
        # The student alone stands first: of equal rows it is the one to ship.
        chosen = best(sorted(rows, key=lambda each: not each[0].alone), done)
        alone = (lone.get(chosen.teaching) or lone.get("")) if chosen else None
        if chosen is None or chosen.alone or alone is None or mean_validation(alone[1], done) is None:
            return
        compared = [chosen, alone[0]]
        if self.suite.budget.by != "epochs":
            rival = next(keys for row, keys in rows if row is chosen)
            budget = equal_cost(self._recipe(alone[0], None).epochs, alone[1], rival, done)
            compared += [replace(alone[0], budget=budget)] if budget > 1 else []
        for row in compared:
            for index, seed in enumerate(self.suite.confirming):
                self._train(row, "confirmation", index, seed)
