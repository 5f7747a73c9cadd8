"""The docstring of a loss in its sections, and its options in words."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from kdbench.spec import REQUIRED, Option

SECTIONS = ("Formula", "Shapes", "Units", "Raises", "Source", "Differs")
_HEAD = re.compile(rf"^({'|'.join(SECTIONS)}): ", re.MULTILINE)
_ARXIV = re.compile(r"arXiv:(\d{4}\.\d{4,5})")
_PAPER = re.compile(r"[A-Z][\w.&' ,-]*? \d{4}\b")
# A loss that compares samples with each other says so in its first sentence, or refuses a batch of one.
_AMONG_SAMPLES = re.compile(r"batch of one|samples'|batch's|among the samples")
_KINDS = {"number": "number", "integer": "whole number", "string": "text", "boolean": "true or false", "null": "none"}
_BOUNDS = {"exclusiveMinimum": "above", "minimum": "at least", "exclusiveMaximum": "below", "maximum": "at most"}


@dataclass(frozen=True)
class Docstring:
    """The first sentence, the notes between it and the sections, and the sections, each as one line."""

    summary: str
    notes: str
    sections: Mapping[str, str]

    @property
    def missing(self) -> tuple[str, ...]:
        """The sections that it lacks or leaves empty."""
        return tuple(name for name in SECTIONS if not self.sections.get(name))

    @property
    def paper(self) -> str:
        """Authors and year of the first paper of the source, with a link where it is on arXiv; "-" without one."""
        source = self.sections.get("Source", "")
        name, number = _PAPER.search(source), _ARXIV.search(source)
        if name is None:
            return "-"
        return f"[{name[0]}](https://arxiv.org/abs/{number[1]})" if number else name[0]

    @property
    def among_samples(self) -> bool:
        """Whether the loss compares samples with each other."""
        return bool(_AMONG_SAMPLES.search(f"{self.summary} {self.sections.get('Raises', '')}"))


def parse(doc: str) -> Docstring:
    """The parts of a docstring. A section that appears twice keeps its last text."""
    before, *parts = _HEAD.split(doc.strip())
    summary, _, notes = before.partition("\n\n")
    named = zip(parts[::2], parts[1::2], strict=True)
    return Docstring(_one_line(summary), _one_line(notes), {name: _one_line(text) for name, text in named})


def linked(text: str) -> str:
    """The text with every arXiv number as a link."""
    return _ARXIV.sub(lambda found: f"[{found[0]}](https://arxiv.org/abs/{found[1]})", text)


def allowed(option: Option) -> str:
    """The type of an option and its range."""
    return _words(TypeAdapter(option.type).json_schema())


def default(option: Option) -> str:
    """The default of an option, as a suite file writes it."""
    if option.default is REQUIRED:
        return "must be given"
    return "none" if option.default is None else f"`{json.dumps(option.default)}`"


def _words(schema: Mapping[str, Any]) -> str:
    """A JSON schema in words. Raises `KeyError` for one that it has no words for."""
    if "$ref" in schema or schema.get("title") == "Choice":  # of all records only a choice is an option
        return "a name or a table with `use`"
    if "anyOf" in schema:
        return ", or ".join(map(_words, schema["anyOf"]))
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return "one of " + ", ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    if not schema:
        return "any value"
    if schema["type"] == "array":
        items = [_words(one) for one in schema.get("prefixItems", [])]
        return f"list: {'; '.join(items)}" if items else f"list, each {_words(schema.get('items', {}))}"
    bounds = " and ".join(f"{words} {schema[bound]:g}" for bound, words in _BOUNDS.items() if bound in schema)
    return f"{_KINDS[schema['type']]}, {bounds}" if bounds else _KINDS[schema["type"]]


def _one_line(text: str) -> str:
    return " ".join(text.split())
