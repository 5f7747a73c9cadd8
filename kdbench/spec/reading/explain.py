"""What pydantic found wrong with a suite, in words that a person would write."""

import difflib
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from kdbench.spec.choice import Record
from kdbench.spec.comparison import Budget, Tuning
from kdbench.spec.errors import Problem, as_toml, nearest, say_allowed
from kdbench.spec.latency import LatencySpec
from kdbench.spec.recipe import AdamW, Sgd, TrainSpec
from kdbench.spec.resolve import Located, Location, locate
from kdbench.spec.suite import Suite

# What to write, by the place that lacks it or holds something else.
WANTED = {
    "name": 'allowed: lower-case letters, digits, ".", "_" and "-", at most 64 of them, as name = "my-suite"',
    "data": 'name a dataset: data = "digits", or with options data = { use = "digits", validation = 0.2 }',
    "seeds": "allowed: how many seeds, at least 1, as seeds = 3; or a list of whole numbers, as seeds = [0, 1, 2]",
    "pairs": 'give at least one pair: [[pairs]], and below it teacher = "..." and student = "..."; '
    "`kdbench list models` shows the names",
    "losses": 'give at least one loss: [[losses]], and below it use = "kd"; `kdbench list losses` shows the names',
    "teaching": 'give at least one way: [[teaching]], and below it use = "ensemble"; `kdbench list teaching` shows the '
    "names; without any of it, it is single",
    "gates": 'allowed: a list of tables: [[gates]], and below it metric = "top1" and may_drop = 0.01',
    "pairs.teacher": 'name a model: teacher = "cnn", or with options teacher = { use = "cnn", width = 16 }',
    "pairs.teacher.weights": 'give a file, as weights = "teacher.safetensors", or weights = { published = "DEFAULT" }',
    "pairs.student": 'name a model: student = "cnn", or with options student = { use = "cnn", width = 4 }',
    "view": 'name a view: view = "clean", or with options view = { use = "...", ... }; `kdbench list views`',
    "gates.metric": 'allowed: metric = "top1" or metric = "latency"',
    "budget.alone": "allowed: multiples of the epochs, among them 1, as alone = [1, 2, 4]",
    "budget.losses": "allowed: multiples of the epochs, among them 1, as losses = [0.5, 1]",
    "confirm_seeds": "allowed: how many seeds, as confirm_seeds = 5, or 0 for none; or a list of whole numbers",
    "tuning.seeds": "allowed: a list of whole numbers that are no seeds of the suite, as seeds = [1000]",
    "tuning.lr": 'allowed: a range, as lr = { range = [0.005, 0.5], scale = "log" }',
    "tuning.lr.scale": 'add scale = "log", or scale = "linear"',
    "tuning.lr.range": "give the lowest and the highest learning rate, as range = [0.005, 0.5]",
    "train.schedule.milestones": "give the epochs at which the learning rate falls, as milestones = [30, 40]",
}
WANTED["teacher_train.schedule.milestones"] = WANTED["train.schedule.milestones"]
# Keys that had another name in an earlier version.
RENAMED = {"environments": "conditions"}
BY_NAME = 'allowed: a name in quotes, or a table with use = "..."; `kdbench list` shows the names'
HOMES: dict[str, tuple[type[Record], ...]] = {
    "belongs at the top level: write it above the first [table]": (Suite,),
    "belongs in [train]": (TrainSpec,),
    "belongs in train.optimizer": (Sgd, AdamW),
    "belongs in [latency]": (LatencySpec,),
    "belongs in [budget]": (Budget,),
    "belongs in [tuning]": (Tuning,),
}


def explain(at: Location, detail: ErrorDetails, table: dict[str, Any]) -> Located:
    """What is wrong at a location, what is allowed there, and how to write it."""
    where = locate(at) or "the file"
    parent = locate(at[:-1]) or "the top level"
    keys = [part for part in at if isinstance(part, str)]
    wanted = WANTED.get(".".join(keys)) if at[-1:] == tuple(keys[-1:]) or keys == ["seeds"] else None
    value = _value(table, at)
    match detail["type"]:
        case "extra_forbidden":
            return at, Problem(f"unknown key '{at[-1]}' at {parent}", help=_say_keys(at, table))
        case "missing":
            wanted = wanted or 'add use = "..."; `kdbench list` shows the names'
            return at, Problem(f"missing key '{at[-1]}' at {parent}", help=wanted)
        case "value_error":
            return at, Problem(f"{where}: {detail['msg'].removeprefix('Value error, ')}")
        case "union_tag_not_found":
            tags = _tags(at, table)
            return at, Problem(f"missing key 'use' at {where}", help=f'add use = "{tags[0]}"; {nearest("", tags)}')
        case "union_tag_invalid":
            at = (*at, "use") if isinstance(value, dict) else at
            value = _value(table, at)
            return at, Problem(f"{locate(at)} is {as_toml(value)}", help=nearest(str(value), _tags(at[:2], table)))
        case "model_type" | "model_attributes_type":
            wanted = wanted or _say_table(at, detail, table)
        case "tuple_type" if keys[-1] in ("parts", "labelled"):
            wanted = f'allowed: a list, as {keys[-1]} = [{{ use = "fraction", share = 0.1 }}]'
        case "tuple_type" if isinstance(value, dict):
            wanted = f"write [[{where}]], with two brackets: it is a list of tables"
        case "tuple_type" if keys[-1] == "augment":
            wanted = 'allowed: a list, as augment = ["flip"]'
        case "too_long" | "less_than_equal":
            wanted = None  # the bound says more
        case "string_type" if keys[-1] == "use":
            wanted = "allowed: a name in quotes; `kdbench list` shows the names"
    return at, Problem(f"{where} is {as_toml(value)}", help=wanted or say_allowed(detail))


def _say_keys(at: Location, table: dict[str, Any]) -> str:
    """Which keys a table takes, where an unknown one belongs, or what it is called now.

    A key of another table may as well be a misspelt one of this: 'batch_size' of `[latency]` is its batch_sizes.
    """
    name, fields = str(at[-1]), [key for record in _records_at(at[:-1], table) for key in record.model_fields]
    if RENAMED.get(name) in fields:
        return f"'{name}' is called '{RENAMED[name]}' now"
    homes = (home for home, records in HOMES.items() if any(name in record.model_fields for record in records))
    elsewhere = name != "use" and "optimizer" not in at[:-1] and not difflib.get_close_matches(name, fields, cutoff=0.9)
    home = next(homes, None) if elsewhere else None
    return f"'{name}' {home}" if home else nearest(name, fields)


def _say_table(at: Location, detail: ErrorDetails, table: dict[str, Any]) -> str:
    if (tags := _tags(at, table)) and isinstance(at[-1], int):
        return f'allowed: a name in quotes, or a table with use = "..."; the names are {", ".join(sorted(tags))}'
    if tags:
        value = detail["input"]
        close = difflib.get_close_matches(value, tags, n=1, cutoff=0.5) if isinstance(value, str) else []
        example = f'{at[-1]} = {{ use = "{(close or tags)[0]}" }}'
        return f"allowed: a table, as {example}; use is one of {', '.join(sorted(tags))}"
    match detail.get("ctx", {}).get("class_name"):
        case "Choice" | "NamedChoice" | "TeacherChoice":
            return BY_NAME
        case "Pair":
            return "allowed: a table with teacher and student"
        case "Gate":
            return "allowed: a table with metric and its limit"
    return f"allowed: a table, that is [{at[-1]}] with one key a line below it"


def written(loc: Location, table: dict[str, Any]) -> Location:
    """A location without what pydantic puts in itself: a union's tag such as 'sgd' or 'list', 'dataset', 'options'."""
    at: list[str | int] = []
    node: Any = table
    for part in loc:
        inner = inside(node, part)
        tag = part == node or (isinstance(node, dict) and node.get("use") == part)
        if inner is None and (tag or part in ("dataset", "options", "list", "dict")):
            continue
        at.append(part)
        node = inner
    return tuple(at)


def _value(table: dict[str, Any], at: Location) -> Any:
    node: Any = table
    for part in at:
        node = inside(node, part)
    return node


def inside(node: Any, part: str | int) -> Any:
    """One step into a table or a list; None where there is none (TOML has no null)."""
    if isinstance(node, dict):
        return node.get(part)
    return node[part] if isinstance(node, list) and isinstance(part, int) and part < len(node) else None


def _tags(at: Location, table: dict[str, Any]) -> list[str]:
    """The values of `use` that tell the tables at a location apart."""
    records = _records_at(at, table)
    return [str(record.model_fields["use"].default) for record in records] if len(records) > 1 else []


def _records_at(at: Location, table: dict[str, Any]) -> list[type[BaseModel]]:
    """The records that a location may hold: of a union the one that `use` names, or else all."""
    records: list[type[BaseModel]] = [Suite]
    node: Any = table
    for part in at:
        node = inside(node, part)
        if isinstance(part, str):
            fields = [record.model_fields[part] for record in records if part in record.model_fields]
            records = [record for field in fields for record in _records_in(field.annotation)]
        use = node.get("use") if isinstance(node, dict) else node
        named = [r for r in records if len(records) > 1 and r.model_fields["use"].default == use]
        records = named or records
    return records


def _records_in(kind: Any) -> list[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [kind]
    return [record for inner in getattr(kind, "__args__", ()) for record in _records_in(inner)]
