"""A suite cut down on the command line, under a name of its own: a part never stands in for the whole."""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from kdbench.spec import PART, Catalog, NamedChoice, Pair, Problem, Suite, UserError, nearest
from kdbench.spec.planning.entry import loss_alone
from kdbench.spec.search.sweep import expand


class _Labelled(Protocol):
    @property
    def label(self) -> str: ...


T = TypeVar("T", bound=_Labelled)
COMMA = re.compile(r",(?![^()]*\))")  # none of those between the options of `cnn(width=8, depth=3)`
LONGEST = 80  # characters of what follows the suite's name, which names folders


def restrict(
    suite: Suite,
    catalog: Catalog,
    seeds: int | None = None,
    epochs: int | None = None,
    pairs: Sequence[str] = (),
    losses: Sequence[str] = (),
    teaching: Sequence[str] = (),
    trained: bool = False,
) -> Suite:
    """A part of a suite: its first `seeds` seeds, another number of epochs (teachers' too), some pairs, losses, ways.

    `pairs`, `losses` and `teaching` are as typed: each may name several, with commas between. A pair goes by its name
    or as TEACHER:STUDENT; a loss or a way of teaching by its name, of a swept one by that of a setting
    (`kd(temperature=8.0)`), or by `use` for all its variants. `trained`: what is trained by now, which is for
    `run_suite` to hold to. Raises `UserError` for what is not there.
    """
    cut = _Cut(suite)
    settings = [each for loss in suite.losses for each in expand(loss, "losses", catalog)[0]]
    ways = [each for way in suite.teaching for each in expand(way, "teaching", catalog)[0]]
    changes = {
        **cut.first(seeds),
        **cut.shortened(epochs),
        "pairs": cut.choose("pairs", pairs, suite.pairs, _models),
        "losses": cut.choose("losses", losses, settings, _use),
        "teaching": cut.choose("teaching", teaching, ways, _use),
    }
    if cut.problems:
        raise UserError(cut.problems)
    told = [*cut.told, *(["trained"] if trained else [])]
    if not told:
        return suite
    description = f"A part of '{suite.name}' ({', '.join(told)}). {suite.description}".strip()
    named = {"name": f"{suite.name}{PART}{_name(told)}", "description": description}
    return _without_confirmation(suite.model_copy(update={**changes, **named}))


@dataclass
class _Cut:
    """What is changed of a suite, told as `seeds=2`; and what is wrong with what was typed."""

    suite: Suite
    told: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def first(self, seeds: int | None) -> dict[str, object]:
        there = len(self.suite.seeds)
        if seeds is None or seeds == there:
            return {}
        if seeds > there:
            help = f"allowed: 1 to {there}; for more write seeds = {seeds} in the suite"
            self.problems.append(Problem(f"--seeds {seeds}: suite '{self.suite.name}' has {there} seeds", help=help))
        self.told.append(f"seeds={seeds}")
        return {"seeds": self.suite.seeds[:seeds], "teacher_seeds": min(self.suite.teacher_seeds, seeds)}

    def shortened(self, epochs: int | None) -> dict[str, object]:
        recipes = {"train": self.suite.train, "teacher_train": self.suite.teacher_train}
        changes = {name: each.model_copy(update={"epochs": epochs}) for name, each in recipes.items() if each}
        if epochs is None or all(each.epochs == epochs for each in recipes.values() if each):
            return {}
        self.told.append(f"epochs={epochs}")
        return dict(changes)

    def choose(
        self, option: str, typed: Sequence[str], there: Sequence[T], otherwise: Callable[[T], str]
    ) -> tuple[T, ...]:
        """Those that are named, in the suite's order: by label or, where no label is meant, by their other name."""
        if not typed:
            return tuple(there)
        labels = {each.label for each in there}
        chosen: set[str] = set()
        names = [name for text in typed for name in ([text] if text in labels else _split(text))]
        if not names:
            self.problems.append(Problem(f"--{option} names nothing", help=nearest("", labels)))
        for name in names:
            found = {name} & labels or {each.label for each in there if otherwise(each) == name}
            chosen |= found
            if not found:
                what = f"--{option}: suite '{self.suite.name}' has no '{name}'"
                self.problems.append(Problem(what, help=nearest(name, labels)))
        if chosen != labels:
            self.told.append(f"{option}={'+'.join(each.label for each in there if each.label in chosen)}")
        return tuple(each for each in there if each.label in chosen)


def _without_confirmation(part: Suite) -> Suite:
    """Without the seeds that were to confirm a loss against the student alone, where one of the two is left out."""
    compares = loss_alone(part) and len(part.losses) > 1
    return part if compares or not part.confirm_seeds else part.model_copy(update={"confirm_seeds": ()})


def _name(told: Sequence[str]) -> str:
    """Fit for a folder; a hash marks where the text had to be changed, so that other parts have other names."""
    text = ",".join(told)
    name = re.sub(r"[^a-z0-9._=,+-]+", "-", text.lower())[:LONGEST]
    return name if name == text else f"{name}~{hashlib.sha256(text.encode()).hexdigest()[:4]}"


def _models(pair: Pair) -> str:
    return f"{pair.teacher.label}:{pair.student.label}"


def _use(choice: NamedChoice) -> str:
    return choice.use


def _split(text: str) -> list[str]:
    return [name for part in COMMA.split(text) if (name := part.strip())]
