"""A suite cut down on the command line."""

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from kdbench.spec import NamedChoice, Pair, Problem, Suite, UserError, nearest

T = TypeVar("T", Pair, NamedChoice)
COMMA = re.compile(r",(?![^()]*\))")  # none of those between the options of `cnn(width=8, depth=3)`


def restrict(
    suite: Suite,
    seeds: int | None = None,
    epochs: int | None = None,
    pairs: Sequence[str] = (),
    losses: Sequence[str] = (),
    teaching: Sequence[str] = (),
) -> Suite:
    """A part of a suite: its first `seeds` seeds, another number of epochs (teachers' too), some pairs, losses, ways.

    `pairs`, `losses` and `teaching` are as typed: each may name several, with commas between. A pair goes by its name
    or as TEACHER:STUDENT; a loss or a way of teaching by its name, or by `use` for all its variants. Raises `UserError`
    for what is not there.
    """
    changes: dict[str, object] = {}
    if seeds is not None:
        changes["seeds"] = suite.seeds[:seeds]
        changes["teacher_seeds"] = min(suite.teacher_seeds, seeds)
    if epochs is not None:
        changes["train"] = suite.train.model_copy(update={"epochs": epochs})
        if suite.teacher_train:
            changes["teacher_train"] = suite.teacher_train.model_copy(update={"epochs": epochs})
    problems: list[Problem] = []
    if pairs:
        changes["pairs"] = _choose("--pairs", pairs, suite.name, suite.pairs, _models, problems)
    if losses:
        changes["losses"] = _choose("--losses", losses, suite.name, suite.losses, _use, problems)
    if teaching:
        changes["teaching"] = _choose("--teaching", teaching, suite.name, suite.teaching, _use, problems)
    if problems:
        raise UserError(problems)
    return suite.model_copy(update=changes)


def _models(pair: Pair) -> str:
    return f"{pair.teacher.label}:{pair.student.label}"


def _use(choice: NamedChoice) -> str:
    return choice.use


def _choose(
    option: str,
    typed: Sequence[str],
    suite: str,
    there: Sequence[T],
    otherwise: Callable[[T], str],
    problems: list[Problem],
) -> tuple[T, ...]:
    """Those that are named, in the suite's order: by label or, where no label is meant, by their other name."""
    labels = {each.label for each in there}
    chosen: set[str] = set()
    names = [name for text in typed for name in ([text] if text in labels else _split(text))]
    if not names:
        problems.append(Problem(f"{option} names nothing", help=nearest("", labels)))
    for name in names:
        found = {name} & labels or {each.label for each in there if otherwise(each) == name}
        chosen |= found
        if not found:
            problems.append(Problem(f"{option}: suite '{suite}' has no '{name}'", help=nearest(name, labels)))
    return tuple(each for each in there if each.label in chosen)


def _split(text: str) -> list[str]:
    return [name for part in COMMA.split(text) if (name := part.strip())]
