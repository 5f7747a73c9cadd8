"""Sweeps: a loss or a way of teaching of which some options have several values, as one for each combination.

In a suite file a value may be `{ grid = [1, 2, 4] }`, or `{ range = [0.1, 10.0], scale = "log", points = 5 }`. Of a
loss, learning rate and recipe may be swept as well.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Annotated, Any, Self, TypeVar

from pydantic import Field, JsonValue, TypeAdapter, ValidationError, model_validator

from kdbench.spec.choice import Record, Several
from kdbench.spec.errors import Problem, as_toml
from kdbench.spec.keys import marks_of
from kdbench.spec.recipe import TrainSpec
from kdbench.spec.search.space import Dimension
from kdbench.spec.signature import Catalog, Kind
from kdbench.spec.suite import SweptChoice
from kdbench.spec.types import NETWORK, Finite, Scale

MOST_SETTINGS = 64  # of one choice: each is trained with every seed
ALLOWED = 'allowed: two values or more, as { grid = [1, 2, 4] } or { range = [0.1, 10.0], scale = "log", points = 5 }'
Swept = TypeVar("Swept", bound=SweptChoice)
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
    points: Annotated[int, Field(ge=2, le=MOST_SETTINGS)] = 5

    @model_validator(mode="after")
    def _fits(self) -> Self:
        low, high = self.range
        if low >= high:
            raise ValueError(f"the range {list(self.range)} does not rise: give the lower value first")
        if self.scale == "log" and low <= 0:
            raise ValueError(f"the range {list(self.range)} has no logarithm at {low:g}: begin above 0, or use linear")
        return self

    @property
    def values(self) -> tuple[float, ...]:
        """To three digits."""
        between = Dimension("", *self.range, self.scale)
        return tuple(between.at(number / (self.points - 1)) for number in range(self.points))


def expand(choice: Swept, kind: Kind, catalog: Catalog) -> tuple[list[Swept], list[Located]]:
    """One choice for each combination of swept values, named by them: `kd(temperature=4)`; and what is wrong.

    A choice without a sweep stays as it is. The problems stand with their place within the choice.
    """
    swept, problems = dict[Path, Grid | Points](), list[Located]()
    for at, table in _tables(choice):
        try:
            swept[at] = _read(table, _type(choice, kind, at, catalog))
        except ValueError as error:
            problems.append((at, Problem(f"the sweep of {'.'.join(at)} is {as_toml(table)}", help=str(error))))
    count = math.prod(len(each.values) for each in swept.values())
    if count > MOST_SETTINGS:
        text = (
            f"the sweeps of '{_base(choice, swept)}' combine to {count} settings; allowed are at most {MOST_SETTINGS}"
        )
        problems.append(((), Problem(text, help="sweep fewer keys, or fewer values of each")))
    if problems or not swept:
        return ([] if problems else [choice]), problems
    settings = product(*(sweep.values for sweep in swept.values()))
    return [_at(choice, dict(zip(swept, values, strict=True))) for values in settings], []


def _tables(choice: SweptChoice) -> Iterator[tuple[Path, dict[str, JsonValue]]]:
    """Every value of a choice that is written as a sweep, with its place."""

    def within(at: Path, values: Mapping[str, JsonValue]) -> Iterator[tuple[Path, dict[str, JsonValue]]]:
        for name, value in values.items():
            if isinstance(value, dict):
                yield from [((*at, name), value)] if value.keys() & {"grid", "range"} else within((*at, name), value)

    content = choice.model_dump(mode="json")
    yield from within((), {**content["options"], **{name: content[name] for name in _changing(choice)}})


def _changing(choice: SweptChoice) -> tuple[str, ...]:
    """The keys beside its options that may be swept: `lr` and `train` of a loss."""
    return tuple(name for name in choice.OWN if name not in SweptChoice.OWN)


def _type(choice: SweptChoice, kind: Kind, at: Path, catalog: Catalog) -> Any:
    """The type of what stands at a place, of an option or a key of the recipe; `Any` where it is not known."""
    if at[0] in _changing(choice):
        return _of_recipe(at[1:])
    try:
        options = catalog.signature(kind, choice.use).options
    except KeyError:
        return Any  # which is a problem of its own
    return next((option.type for option in options if (option.name,) == at), Any)


def _of_recipe(at: Path) -> Any:
    field = TrainSpec.model_fields.get(at[0]) if len(at) == 1 else None  # what lies deeper are fractions
    return field.annotation if field else Any


def _read(table: dict[str, JsonValue], kind: Any) -> Grid | Points:
    """A sweep of values of this type, as it is written. Raises `ValueError` with what is allowed."""
    if NETWORK in marks_of(kind):
        raise ValueError("its values deploy networks of other costs, which are no settings of one: give each by name")
    try:
        found = Grid.model_validate(table) if "grid" in table else Points.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] == "value_error":
            raise ValueError(first["msg"].removeprefix("Value error, ")) from error
        if first["type"] == "missing":
            raise ValueError('a range needs its scale: add scale = "log", or scale = "linear"') from error
        raise ValueError(ALLOWED) from error
    if isinstance(found, Points) and not _takes_fractions(kind):
        grid = list(dict.fromkeys(map(round, found.values)))
        raise ValueError(f"its values are whole numbers, and a range has others between: give {{ grid = {grid} }}")
    if any(value in found.values[:number] for number, value in enumerate(found.values)):
        raise ValueError("a value stands in it twice: give each once")
    return found


def _takes_fractions(kind: Any) -> bool:
    try:
        TypeAdapter(kind).validate_python(0.5, strict=True)
    except ValidationError as error:
        return not any(detail["type"] in ("int_type", "int_from_float") for detail in error.errors())
    return True


def _at(choice: Swept, values: Mapping[Path, JsonValue]) -> Swept:
    """A choice at one value of everything that it sweeps."""
    content = choice.model_dump(mode="json")
    for at, value in values.items():
        table, last = _place(choice, content, at)
        table[last] = value
    base = _base(choice, values)
    settings = {".".join(at): value for at, value in values.items()}
    suffix = ", ".join(f"{name}={value}" for name, value in settings.items())
    name = f"{base[:-1]}, {suffix})" if base.endswith(")") else f"{base}({suffix})"
    return type(choice).model_validate({**content, "name": name, "sweep": base, "settings": settings})


def _base(choice: SweptChoice, swept: Iterable[Path]) -> str:
    """What the choice is called without what it sweeps."""
    content = choice.model_dump(mode="json")
    for at in swept:
        table, last = _place(choice, content, at)
        del table[last]
    return type(choice).model_validate(content).label


def _place(choice: SweptChoice, content: dict[str, Any], at: Path) -> tuple[dict[str, Any], str]:
    """The table of a choice's JSON that holds a setting, and its key there."""
    *path, last = at if at[0] in _changing(choice) else ("options", *at)
    for part in path:
        content = content[part]
    return content, last
