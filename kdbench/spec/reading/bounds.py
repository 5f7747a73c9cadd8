"""What anybody may have written as TOML: what is too deep or too large is refused before anything looks at it."""

import tomllib
from typing import Any

from kdbench.spec.errors import Problem, as_toml
from kdbench.spec.resolve import Located, Location, locate

MOST_BYTES = 2**20  # of a suite file
MOST_VALUES = 5000  # of a suite, tables and lists among them
DEEPEST = 16  # tables and lists within each other
LONGEST = 4096  # of a text, in characters: as long as a path may be
LARGEST = 2**63 - 1  # of a whole number: TOML's have 64 bits


def parse_toml(text: str) -> dict[str, Any]:
    """A TOML text as tables. Raises `TOMLDecodeError`, too, for what Python cannot read though it is TOML."""
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise tomllib.TOMLDecodeError("lists or tables are too deep within each other") from error
    except ValueError as error:  # a number of more than 4,300 digits
        if isinstance(error, tomllib.TOMLDecodeError):
            raise
        raise tomllib.TOMLDecodeError("a number is too large") from error


def out_of_bounds(table: dict[str, Any]) -> list[Located]:
    """The first value that is too large or too deep, or one too many."""
    left: list[tuple[Location, Any]] = [((), table)]
    seen = 0
    while left:
        at, value = left.pop()
        seen += 1
        if len(at) > DEEPEST:
            text = f"{locate(at[:1])} holds tables or lists that are {DEEPEST} deep"
            return [(at[:1], Problem(text, help="no key of a suite needs so many: see `docs/suite.md"))]
        if isinstance(value, int) and abs(value) > LARGEST:
            return [(at, Problem(f"{locate(at)} is {as_toml(value)}", help="a whole number of TOML has 64 bits"))]
        if isinstance(value, str) and (len(value) > LONGEST or "\0" in value):
            what = "holds a character of code 0" if "\0" in value else f"has more than {LONGEST} characters"
            return [(at, Problem(f"{locate(at)} {what}", help="no key of a suite takes such a text"))]
        inner = list(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ())
        if seen + len(left) + len(inner) > MOST_VALUES:
            text = f"it holds more than {MOST_VALUES} values" + (f", the last of them at {locate(at)}" if at else "")
            return [(at, Problem(text, help="give fewer, or divide them among several suites"))]
        left += [((*at, part), each) for part, each in inner]
    return []
