"""What a user is told when an input is wrong: what, where, what is allowed, what to do next."""

import difflib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic_core import ErrorDetails


@dataclass(frozen=True)
class Problem:
    """One thing wrong with an input: `what` it is, `where` (file:line), its `source` line, and `help`."""

    what: str
    where: str | None = None
    source: str | None = None
    help: str | None = None

    def __str__(self) -> str:
        lines = [f"error: {_at_most(self.what, 400)}"]
        if self.where:
            lines.append(f"  --> {self.where}")
        if self.source is not None:
            number = (self.where or "").rpartition(":")[2]
            lines.append(f"{number:>5} | {_at_most(self.source.strip(), 200)}")
        if self.help:
            lines.append(f"  help: {self.help}")
        return "\n".join(lines)


class UserError(Exception):
    """Bad input: every problem found, together. The command line prints it and exits with `exit_code`."""

    exit_code = 2

    def __init__(self, problems: Problem | str | Iterable[Problem], *, help: str | None = None) -> None:
        if isinstance(problems, str):
            problems = Problem(problems, help=help)
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def _at_most(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[: characters - 3]}..."


MOST_LISTED = 20


def guess(word: str, allowed: Iterable[str]) -> str:
    """`did you mean 'kd'? `, or nothing where nothing comes near. The case of letters does not count.

    A member of a family comes first, that of torchvision before others: 'torchvision:resnet50' for 'resnet50'.
    """
    names = {name.lower(): name for name in sorted(allowed)}
    members = [name for name in names if word and name.endswith(f":{word.lower()}")]
    close = members or difflib.get_close_matches(word.lower(), names, n=1, cutoff=0.5)
    return f"did you mean '{names[close[-1]]}'? " if close else ""


def nearest(word: str, allowed: Iterable[str]) -> str:
    """A sentence that lists what is allowed, and names the one nearest to `word`.

    Of more than 20 only those nearest to it are listed, nearest first.
    """
    names = sorted(allowed)
    if not names:
        return "nothing is allowed here"
    if len(names) > MOST_LISTED:
        names.sort(key=lambda name: -difflib.SequenceMatcher(None, word, name).ratio())
    left = len(names) - MOST_LISTED
    listed = ", ".join(names[:MOST_LISTED]) + (f" and {left} more" if left > 0 else "")
    return f"{guess(word, names)}allowed: {listed}"


# What pydantic's error types mean to somebody who writes TOML.
KINDS_OF_VALUE = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "text in quotes",
    "bool_type": "true or false, without quotes",
    "tuple_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "invalid-json-value": "text, a number, true or false, a list or a table; a date or time goes in quotes",
}
BOUNDS = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}


def say_allowed(detail: ErrorDetails) -> str:
    """What is allowed where pydantic found something else, and how to write it."""
    context, value = detail.get("ctx", {}), detail["input"]
    for bound, words in BOUNDS.items():
        if bound in context:
            limit = context[bound]
            return f"allowed: {words} {limit if isinstance(limit, int) else f'{limit:g}'}"
    if detail["type"] == "literal_error":
        names = re.findall(r"'([^']*)'", context["expected"])
        return nearest(str(value), names) if names else f"allowed: {context['expected']}"
    if detail["type"] == "union_tag_invalid":
        return nearest(context["tag"], re.findall(r"'([^']*)'", context["expected_tags"]))
    if detail["type"] == "too_short":
        return f"allowed: a list of at least {context['min_length']}"
    if detail["type"] == "too_long":
        return f"allowed: a list of at most {context['max_length']}"
    if detail["type"] not in KINDS_OF_VALUE:
        return detail["msg"]
    return f"allowed: {KINDS_OF_VALUE[detail['type']]}{_example(detail['type'], value)}"


def _example(kind: str, value: Any) -> str:
    """How to write the value correctly, where that is known."""
    match kind, value:
        case "int_type" | "int_from_float" | "float_type", str() if re.fullmatch(r"\s*-?\d+(\.\d*)?\s*", value):
            return ", without quotes"
        case "int_type" | "int_from_float", float() if value.is_integer():
            return f", as {value:.0f}"
        case "string_type", int() | float():
            return f', as "{as_toml(value)}"'
        case "tuple_type", str() | int() | float():
            return f", as [{as_toml(value)}]"
    return ""


def as_toml(value: Any) -> str:
    """A value as a suite file writes it, on one line of at most 60 characters."""
    text = whole_toml(value)
    return text if len(text) <= 60 else text[:57] + "..."


def whole_toml(value: Any) -> str:
    """A value as a suite file writes it, on one line however long."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=False)
        case list() | tuple():
            return f"[{', '.join(map(whole_toml, value))}]"
        case dict():
            return f"{{{', '.join(f'{key} = {whole_toml(inner)}' for key, inner in value.items())}}}"
    return str(value)
