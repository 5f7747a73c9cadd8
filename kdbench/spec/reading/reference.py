"""Every key of a suite file with what it means, from the JSON schema: for `kdbench show` and docs/suite.md."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kdbench.spec.errors import BOUNDS, whole_toml
from kdbench.spec.suite import Suite

Schema = Mapping[str, Any]
REQUIRED = "required"
# Bounds in words, as errors have them, by what JSON schemas call them.
NAMES = {"exclusiveMinimum": "gt", "minimum": "ge", "exclusiveMaximum": "lt", "maximum": "le"}
KINDS = {"integer": "a whole number", "number": "a number", "string": "text in quotes", "boolean": "true or false"}
CALLABLE = "a name in quotes, or a table with it as `use` and its options"


@dataclass(frozen=True)
class SuiteKey:
    """A key of a suite file. `of` is the `use` of the table that has it, where only some of several have."""

    path: str  # `train.optimizer.lr`
    of: str | None
    what: str
    allowed: str
    unit: str | None
    default: str  # as TOML; "" for none, which is then explained, and for a table, whose keys have theirs
    example: str  # as TOML

    @property
    def table(self) -> str:
        """The path of the table that it stands in; "" at the top level."""
        return self.path.rpartition(".")[0]


def suite_schema() -> dict[str, Any]:
    """The JSON schema of suite files. Without null, which TOML has not: editors then tell which key is wrong."""
    schema: dict[str, Any] = _without_null(Suite.model_json_schema())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _without_null(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_null(each) for each in node]
    if not isinstance(node, dict):
        return node
    found = {name: _without_null(value) for name, value in node.items() if value is not None}
    kinds = [kind for kind in found.get("anyOf", []) if kind != {"type": "null"}]
    if len(kinds) == 1:
        del found["anyOf"]
        return kinds[0] | found
    return found | ({"anyOf": kinds} if kinds else {})


def suite_keys() -> tuple[SuiteKey, ...]:
    """All of them, a table's own keys before those of tables in it."""
    schema = suite_schema()
    return tuple(_keys(schema, schema["$defs"], ""))


def find_keys(name: str) -> tuple[SuiteKey, ...]:
    """Those of this path, or whose path ends in it: `select` finds `train.select`. Empty where there is none.

    The recipe of teachers has the keys of `train`, and is found by its whole paths alone.
    """
    keys = suite_keys()
    exact = tuple(key for key in keys if key.path == name)
    ending = (key for key in keys if key.path.endswith(f".{name}") and not key.path.startswith("teacher_train."))
    return exact or tuple(ending)


def _keys(table: Schema, defs: Schema, before: str) -> Iterator[SuiteKey]:
    properties = {name: key for name, key in table["properties"].items() if name != "use"}
    use = table["properties"].get("use", {}).get("const")
    for name, key in properties.items():
        yield SuiteKey(
            path=before + name,
            of=use,
            what=key["description"],
            allowed=_allowed(key, defs),
            unit=key.get("unit"),
            default=REQUIRED if name in table.get("required", ()) else _default(key.get("default")),
            example=whole_toml(_use_first(key["examples"][0])),
        )
    for name, key in properties.items():
        for inner in _tables(key, defs):
            yield from _keys(inner, defs, f"{before}{name}.")


def _default(value: Any) -> str:
    """Of a callable its name."""
    if isinstance(value, list):
        return f"[{', '.join(map(_default, value))}]"
    if isinstance(value, dict):
        return whole_toml(value["use"]) if "use" in value else ""
    return "" if value is None else whole_toml(value)


def _use_first(value: Any) -> Any:
    """As people write it: a JSON schema has the keys of an example in the order of the alphabet."""
    if isinstance(value, list):
        return [_use_first(each) for each in value]
    if isinstance(value, dict):
        return {name: _use_first(value[name]) for name in sorted(value, key=lambda name: name != "use")}
    return value


def _tables(key: Schema, defs: Schema) -> Iterator[Schema]:
    """The tables that a key may hold, or a list of them."""
    if "$ref" in key:
        key = defs[key["$ref"].rpartition("/")[2]]
    if "properties" in key:
        yield key
    for inner in (*key.get("anyOf", ()), *key.get("oneOf", ()), *([key["items"]] if "items" in key else [])):
        yield from _tables(inner, defs)


def _allowed(key: Schema, defs: Schema) -> str:
    """What may stand there, in words."""
    if "$ref" in key:
        return _allowed(defs[key["$ref"].rpartition("/")[2]], defs)
    if "enum" in key:
        return " or ".join(map(whole_toml, key["enum"]))
    if "prefixItems" in key:
        return f"a list of {len(key['prefixItems'])}, each {_allowed(key['prefixItems'][0], defs)}"
    if key.get("type") == "array":
        return f"a list, each {_allowed(key['items'], defs)}"
    if "properties" in key or key.get("type") == "object":
        return "a table"
    if any(each.get("additionalProperties") for each in key.get("anyOf", ())):
        return CALLABLE
    if inner := [*key.get("anyOf", ()), *key.get("oneOf", ())]:
        return ", or ".join(dict.fromkeys(_allowed(each, defs) for each in inner))
    limits = (f"{BOUNDS[word]} {key[bound]:g}" for bound, word in NAMES.items() if bound in key)
    return ", ".join((KINDS.get(key.get("type", ""), "a value"), *limits))
