"""What a callable takes: the inputs kdbench gives it and the options a suite may set."""

import difflib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

from pydantic import JsonValue, TypeAdapter, ValidationError

from kdbench.spec.errors import Problem, as_toml, guess, nearest, say_allowed
from kdbench.spec.keys import is_neutral, marks_of

Kind = Literal["losses", "teaching", "models", "datasets", "parts", "views", "metrics"]
KINDS: tuple[Kind, ...] = get_args(Kind)
REQUIRED = object()
# What kdbench passes to each kind of callable.
INPUTS: dict[Kind, tuple[str, ...]] = {
    "losses": ("student", "teacher", "labels", "moment"),
    "teaching": ("site", "taught"),
    "models": ("classes", "shape"),
    "datasets": ("root",),
    "parts": ("labels", "draw"),
    "views": ("images", "draw", "model", "labels", "teacher", "pixels"),
    "metrics": ("logits", "labels"),
}
BY_NAME: tuple[Kind, ...] = ("losses", "teaching", "views")  # these take what they need, by name; all others take all


@dataclass(frozen=True)
class Option:
    """A keyword-only parameter: its type and its default (`REQUIRED` where there is none)."""

    name: str
    type: Any
    default: Any = REQUIRED


@dataclass(frozen=True)
class Signature:
    """A callable as a suite sees it. `inputs` are its positional parameters, in order; `optional` take None."""

    use: str
    kind: Kind
    target: str  # module:attribute
    inputs: tuple[str, ...]
    options: tuple[Option, ...]
    doc: str
    origin: str | None = None  # of what is not kdbench's own: a hash of its source
    optional: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return self.doc.strip().partition("\n")[0]


class Catalog(Protocol):
    """Where names are looked up. `kdbench.zoo` provides it; reading a signature imports no torch."""

    def names(self, kind: Kind) -> tuple[str, ...]: ...

    def choices(self, kind: Kind, use: str) -> tuple[str, ...]:
        """What to choose from for what was written: a family's members where it begins with one, else the names."""
        ...

    def signature(self, kind: Kind, use: str) -> Signature:
        """Raises `KeyError` where no such name exists."""
        ...

    def load(self, kind: Kind, use: str) -> Callable[..., Any]:
        """The callable itself. Imports its module."""
        ...


def fill_options(
    signature: Signature, given: Mapping[str, JsonValue], keys: Collection[str] = ()
) -> tuple[dict[str, JsonValue], list[tuple[str, Problem]]]:
    """All options with their values, and what is wrong: (option, problem) pairs. `keys` may stand beside them.

    Defaults are included but for neutral ones (see `kdbench.spec.keys`), so that an option added later, with a default
    that means 'not there', changes no key.
    """
    known = {option.name: option for option in signature.options}
    allowed = f"'{signature.use}' takes {', '.join(sorted({*known, *keys})) or 'no options'}"
    problems = [
        (name, Problem(f"unknown option '{name}'", help=f"{guess(name, {*known, *keys})}{allowed}"))
        for name in given
        if name not in known
    ]
    filled: dict[str, JsonValue] = {}
    for option in signature.options:
        value = given.get(option.name, option.default)
        if value is REQUIRED:
            problems.append((option.name, Problem(f"'{signature.use}' needs the option '{option.name}'")))
            continue
        try:
            adapter = TypeAdapter(option.type)
            found = adapter.validate_json(json.dumps(value), strict=True)
            if not is_neutral(found, option.default, marks_of(option.type)):
                filled[option.name] = adapter.dump_python(found, mode="json")
        except ValidationError as error:
            detail = error.errors()[0]
            text = f"option '{option.name}' of '{signature.use}' is {as_toml(value)}"
            problems.append((option.name, Problem(text, help=say_allowed(detail))))
    return filled, problems


def suggest(use: str, kinds: Iterable[Kind], catalog: Catalog, others: Iterable[str] = ()) -> str:
    """What to write instead of a name that none of these kinds has; `others` are names of other things."""
    module, colon, _ = use.partition(":")
    families = [name for kind in kinds for name in catalog.names(kind) if name.endswith(":")]
    if colon and not difflib.get_close_matches(module + colon, families, n=1):
        in_python = f'kdbench.place(plugins=["{module}"])'
        return f"is '{module}' a module of yours? Then name it, too: -p {module}, or {in_python} in Python and pytest"
    return nearest(use, {*others, *(known for kind in kinds for known in catalog.choices(kind, use))})


def serves(signature: Signature, kind: Kind) -> bool:
    """Whether a callable takes inputs that kdbench has for this kind. Members of a family take a name as well, models
    that are made of others `network`, by which they make them, and a network from a file its `content`."""
    allowed = INPUTS[kind]
    if kind in BY_NAME:
        return set(signature.inputs) <= set(allowed)
    return signature.inputs in (allowed, *((*allowed, more) for more in ("name", "network", "content")))
