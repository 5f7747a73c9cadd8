"""Sweeps: a loss whose options, learning rate or recipe have several values each, as one loss for each combination.

In a suite file a value may be `{ grid = [1, 2, 4] }`, or `{ range = [0.1, 10.0], scale = "log", points = 5 }`.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Annotated, Any, Self

from pydantic import Field, JsonValue, ValidationError, model_validator

from kdbench.spec.choice import Record, Several
from kdbench.spec.errors import Problem, as_toml
from kdbench.spec.keys import marks_of
from kdbench.spec.search.space import Dimension
from kdbench.spec.signature import Catalog, Option
from kdbench.spec.suite import LossChoice
from kdbench.spec.types import NETWORK, Finite, Scale

MOST_SETTINGS = 64  # of one loss: each is trained with every seed
ALLOWED = 'allowed: two values or more, as { grid = [1, 2, 4] } or { range = [0.1, 10.0], scale = "log", points = 5 }'
Path = tuple[str, ...]
Located = tuple[Path, Problem]


class Grid(Record):
    """Values to try, as they are written."""

    grid: Annotated[Several[JsonValue], Field(min_length=2)]

    @property
    def values(self) -> tuple[JsonValue, ...]:
        return self.grid


class Points(Record):
    """Values at equal distances, on a linear or a logarithmic scale."""

    range: Annotated[tuple[Finite, Finite], Field(strict=False)]
    scale: Scale
    points: Annotated[int, Field(ge=2)] = 5

    @model_validator(mode="after")
    def _fits(self) -> Self:
        low, high = self.range
        if low >= high:
            raise ValueError(f"the range {list(self.range)} does not rise: give the lower value first")
        if self.scale == "log" and low <= 0:
            raise ValueError(f"the range {list(self.range)} has no logarithm at {low:g}: begin above 0, or use linear")
        return self

    @property
    def values(self) -> tuple[JsonValue, ...]:
        """To three digits."""
        between = Dimension("", *self.range, self.scale)
        return tuple(between.at(number / (self.points - 1)) for number in range(self.points))


def expand(loss: LossChoice, catalog: Catalog) -> tuple[list[LossChoice], list[Located]]:
    """One loss for each combination of swept values, named by them: `kd(temperature=4)`; and what is wrong.

    A loss without a sweep stays as it is. The problems stand with their place within the loss.
    """
    swept, problems = dict[Path, Grid | Points](), list[Located]()
    for at, table in _tables(loss):
        try:
            swept[at] = _read(table, _option(loss, at, catalog))
        except ValueError as error:
            problems.append((at, Problem(f"the sweep of {'.'.join(at)} is {as_toml(table)}", help=str(error))))
    count = math.prod(len(each.values) for each in swept.values())
    if count > MOST_SETTINGS:
        text = f"the sweeps of '{_base(loss, swept)}' combine to {count} settings; allowed are at most {MOST_SETTINGS}"
        problems.append(((), Problem(text, help="sweep fewer keys, or fewer values of each")))
    if problems or not swept:
        return ([] if problems else [loss]), problems
    settings = product(*(sweep.values for sweep in swept.values()))
    return [_at(loss, dict(zip(swept, values, strict=True))) for values in settings], []


def _tables(loss: LossChoice) -> Iterator[tuple[Path, dict[str, JsonValue]]]:
    """Every value of a loss that is written as a sweep, with its place."""

    def within(at: Path, values: Mapping[str, JsonValue]) -> Iterator[tuple[Path, dict[str, JsonValue]]]:
        for name, value in values.items():
            if isinstance(value, dict):
                yield from [((*at, name), value)] if value.keys() & {"grid", "range"} else within((*at, name), value)

    yield from within((), {**loss.options, "lr": loss.lr, "train": loss.train})


def _option(loss: LossChoice, at: Path, catalog: Catalog) -> Option | None:
    """The option of a loss that stands at a place; None for the recipe, and where the loss is not known."""
    try:
        signature = catalog.signature("losses", loss.use)
    except KeyError:
        return None  # which is a problem of its own
    return next((option for option in signature.options if (option.name,) == at), None)


def _read(table: dict[str, JsonValue], option: Option | None) -> Grid | Points:
    """A sweep as it is written. Raises `ValueError` with what is allowed."""
    if option and NETWORK in marks_of(option.type):
        raise ValueError("its values deploy networks of other costs, which are no settings of one: give losses by name")
    try:
        found = Grid.model_validate(table) if "grid" in table else Points.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] == "value_error":
            raise ValueError(first["msg"].removeprefix("Value error, ")) from error
        if first["type"] == "missing":
            raise ValueError('a range needs its scale: add scale = "log", or scale = "linear"') from error
        raise ValueError(ALLOWED) from error
    if any(value in found.values[:number] for number, value in enumerate(found.values)):
        raise ValueError("a value stands in it twice: give each once")
    return found


def _at(loss: LossChoice, values: Mapping[Path, JsonValue]) -> LossChoice:
    """A loss at one value of everything that it sweeps."""
    content = loss.model_dump(mode="json")
    for at, value in values.items():
        table, last = _place(content, at)
        table[last] = value
    base = _base(loss, values)
    settings = {".".join(at): value for at, value in values.items()}
    suffix = ", ".join(f"{name}={value}" for name, value in settings.items())
    name = f"{base[:-1]}, {suffix})" if base.endswith(")") else f"{base}({suffix})"
    return LossChoice.model_validate({**content, "name": name, "sweep": base, "settings": settings})


def _base(loss: LossChoice, swept: Iterable[Path]) -> str:
    """What the loss is called without what it sweeps."""
    content = loss.model_dump(mode="json")
    for at in swept:
        table, last = _place(content, at)
        del table[last]
    return LossChoice.model_validate(content).label


def _place(content: dict[str, Any], at: Path) -> tuple[dict[str, Any], str]:
    """The table of a loss's JSON that holds a setting, and its key there."""
    *path, last = at if at[0] in ("lr", "train") else ("options", *at)
    for part in path:
        content = content[part]
    return content, last
