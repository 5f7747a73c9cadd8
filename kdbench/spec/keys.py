"""Content keys: the same content has the same key, and an option that is added later changes no key that exists."""

import hashlib
import json
from functools import cache
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, JsonValue

T = TypeVar("T")


class _NeutralMark:
    """Marks a field or an option whose default means that something is not there."""


NEUTRAL = _NeutralMark()
# `labels: Neutral[bool] = True`: as long as it has its default, it stays out of keys.
Neutral = Annotated[T, NEUTRAL]


class _UnkeyedMark:
    """Marks a field that says where something is, not what it is."""


UNKEYED = _UnkeyedMark()
# `file: Unkeyed[str]`: it stays out of keys, whatever its value.
Unkeyed = Annotated[T, UNKEYED]


def content_key(content: Any) -> str:
    """The first 16 hex digits of the SHA-256 of canonical JSON."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def record_content(record: BaseModel) -> dict[str, JsonValue]:
    """A record as JSON for its key: without neutral values, so that a field added later re-keys nothing, and without
    places.

    A value is neutral where it is its field's default and that default is None, empty, or declared `Neutral`.
    """
    found = {}
    for name, default, marks in _keyed_fields(type(record)):
        value = getattr(record, name)
        if not is_neutral(value, default, marks):
            found[name] = _plain(value)
    return found


@cache
def _keyed_fields(kind: type[BaseModel]) -> tuple[tuple[str, object, list[object]], ...]:
    """The fields of a record that enter its key, with their defaults and marks."""
    fields = kind.model_fields.items()
    return tuple(
        (name, field.get_default(call_default_factory=True), field.metadata)
        for name, field in fields
        if UNKEYED not in field.metadata
    )


def is_neutral(value: object, default: object, marks: object) -> bool:
    """Whether a value means that something is not there; `marks` is what annotates its field."""
    if type(value) is not type(default) or value != default:
        return False
    empty = default is None or default in ((), [], {}, "")
    return empty or (isinstance(marks, list | tuple) and NEUTRAL in marks)


def marks_of(kind: Any) -> tuple[object, ...]:
    """What annotates a type: of `Annotated[float, a, b]` a and b."""
    return tuple(get_args(kind)[1:]) if hasattr(kind, "__metadata__") else ()


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return record_content(value)
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return value
