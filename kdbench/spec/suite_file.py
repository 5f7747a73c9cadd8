"""Reading a suite file: TOML to `Suite`, with every error at its line."""

import copy
import difflib
import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from kdbench.spec.errors import Problem, UserError, as_toml, nearest, say_allowed
from kdbench.spec.plan import Located, Location, locate, resolve
from kdbench.spec.records import AdamW, DataSpec, LatencySpec, Record, Sgd, Suite, TrainSpec
from kdbench.spec.signature import Catalog

Details = list[tuple[Location, ErrorDetails]]


def load_suite(path: Path, catalog: Catalog) -> Suite:
    """The suite in a file. Raises `UserError` with all that is wrong, each with file, line and help."""
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise UserError(f"cannot read suite file '{path}': {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UserError(
            Problem(
                f"not UTF-8: byte 0x{error.object[error.start]:02x}", f"{path}:{line}", help="save the file as UTF-8"
            )
        ) from error
    return parse_suite(text, str(path), catalog)


def parse_suite(text: str, file: str, catalog: Catalog) -> Suite:
    """The suite in a text; `file` is what errors call it."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"^(.*) \(at line (\d+)", str(error))
        message, line = (found[1], int(found[2])) if found else (str(error), len(text.splitlines()))
        lines = text.splitlines() or [""]
        where = f"{file}:{line}"
        raise UserError(Problem(f"not TOML: {message}", where, lines[min(line, len(lines)) - 1])) from error
    if located := _find_problems(table, catalog):
        problems = sorted((_place(at, problem, file, text) for at, problem in located), key=lambda placed: placed[0])
        raise UserError(problem for _, problem in problems)
    return Suite.model_validate(table)


def _find_problems(table: dict[str, Any], catalog: Catalog) -> list[Located]:
    """All that is wrong: where the structure is, what is sound of the rest is still resolved."""
    try:
        return [_widen(at, problem, table, catalog) for at, problem in resolve(Suite.model_validate(table), catalog)[1]]
    except ValidationError as error:
        details = [(_written(detail["loc"], table), detail) for detail in error.errors()]
    details = [(at, detail) for at, detail in details if not _is_empty_for_bad_entries(at, detail, details)]
    located = [_explain(at, detail, table) for at, detail in details if not _is_misspelt(at, detail, details)]
    broken = {_part_to_mend(at, detail) for at, detail in details}
    mended = copy.deepcopy(table)
    for at in sorted(broken, key=len):
        _mend(mended, at)
    further = _find_problems(mended, catalog) if mended != table else []
    return located + [(at, problem) for at, problem in further if not _follows(at, broken)]


# What stands in for a broken part that cannot be left out, so that the others keep their places.
PAIR = {"teacher": "?", "student": "?"}
STAND_INS = {"name": "x", "data": "?", "use": "?", **PAIR, "pairs": [PAIR], "losses": ["?"]}
ENTRIES = {"pairs": PAIR, "losses": "?", "augment": "?"}


def _part_to_mend(at: Location, detail: ErrorDetails) -> Location:
    """The smallest part that a stand-in can replace, or that can be left out."""
    for i, part in enumerate(at):
        if isinstance(part, int) and at[i - 1] not in ENTRIES:
            return at[:i]
    return at[:-1] if detail["type"] == "missing" and at[-1] not in STAND_INS else at


def _mend(table: Any, at: Location) -> None:
    """Put a stand-in in the place of a part, or take the part out."""
    *path, last = at
    for part in path:
        table = _inside(table, part)
    if isinstance(table, list) and isinstance(last, int):
        table[last] = copy.deepcopy(ENTRIES[str(path[-1])])
    elif isinstance(table, dict) and last in STAND_INS:
        table[last] = copy.deepcopy(STAND_INS[str(last)])
    elif isinstance(table, dict):
        table.pop(last, None)


def _follows(at: Location, broken: set[Location]) -> bool:
    """Whether a problem may be there only because of a stand-in: in a mended part, or in a comparison of several."""
    if any(at[: len(part)] == part for part in broken):
        return True
    compared = {at[0], "seeds"} if at == ("teacher_seeds",) else set(at)
    return len(at) == 1 and any(part[:1] and part[0] in compared for part in broken)


def _is_empty_for_bad_entries(at: Location, detail: ErrorDetails, details: Details) -> bool:
    return detail["type"] == "too_short" and any(
        len(other) > len(at) and other[: len(at)] == at for other, _ in details
    )


def _is_misspelt(at: Location, detail: ErrorDetails, details: Details) -> bool:
    """Whether a key is missing only because it is written wrong, as an unknown key beside it tells."""
    extra = [str(other[-1]) for other, d in details if d["type"] == "extra_forbidden" and other[:-1] == at[:-1]]
    return detail["type"] == "missing" and bool(difflib.get_close_matches(str(at[-1]), extra, n=1))


# What to write, by the place that lacks it or holds something else.
WANTED = {
    "name": 'allowed: lower-case letters, digits, ".", "_" and "-", at most 64 of them, as name = "my-suite"',
    "data": 'name a dataset: data = "digits", or with options data = { use = "digits", fraction = 0.5 }',
    "seeds": "allowed: how many seeds, at least 1, as seeds = 3; or a list of whole numbers, as seeds = [0, 1, 2]",
    "pairs": 'give at least one pair: [[pairs]], and below it teacher = "..." and student = "..."; '
    "`kdbench list models` shows the names",
    "losses": 'give at least one loss: [[losses]], and below it use = "kd"; `kdbench list losses` shows the names',
    "gates": 'allowed: a list of tables: [[gates]], and below it metric = "top1" and may_drop = 0.01',
    "pairs.teacher": 'name a model: teacher = "cnn", or with options teacher = { use = "cnn", width = 16 }',
    "pairs.student": 'name a model: student = "cnn", or with options student = { use = "cnn", width = 4 }',
    "view": 'name a view: view = "clean", or with options view = { use = "...", ... }; `kdbench list views`',
    "gates.metric": 'allowed: metric = "top1" or metric = "latency"',
    "train.schedule.milestones": "give the epochs at which the learning rate falls, as milestones = [30, 40]",
}
WANTED["teacher_train.schedule.milestones"] = WANTED["train.schedule.milestones"]
BY_NAME = 'allowed: a name in quotes, or a table with use = "..."; `kdbench list` shows the names'
HOMES: dict[str, tuple[type[Record], ...]] = {
    "belongs at the top level: write it above the first [table]": (Suite,),
    "belongs in [train]": (TrainSpec,),
    "belongs in train.optimizer": (Sgd, AdamW),
    "belongs in [latency]": (LatencySpec,),
}


def _explain(at: Location, detail: ErrorDetails, table: dict[str, Any]) -> Located:
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
        case "tuple_type" if isinstance(value, dict):
            wanted = f"write [[{where}]], with two brackets: it is a list of tables"
        case "tuple_type" if keys[-1] == "augment":
            wanted = 'allowed: a list, as augment = ["flip"]'
        case "string_type" if keys[-1] == "use":
            wanted = "allowed: a name in quotes; `kdbench list` shows the names"
    return at, Problem(f"{where} is {as_toml(value)}", help=wanted or say_allowed(detail))


def _say_keys(at: Location, table: dict[str, Any]) -> str:
    """Which keys a table takes, or where an unknown one belongs."""
    name, fields = str(at[-1]), [key for record in _records_at(at[:-1], table) for key in record.model_fields]
    homes = (home for home, records in HOMES.items() if any(name in record.model_fields for record in records))
    home = next(homes, None) if name != "use" and "optimizer" not in at[:-1] else None
    return f"'{name}' {home}" if home else nearest(name, fields)


def _say_table(at: Location, detail: ErrorDetails, table: dict[str, Any]) -> str:
    if tags := _tags(at, table):
        value = detail["input"]
        close = difflib.get_close_matches(value, tags, n=1, cutoff=0.5) if isinstance(value, str) else []
        example = f'{at[-1]} = {{ use = "{(close or tags)[0]}" }}'
        return f"allowed: a table, as {example}; use is one of {', '.join(sorted(tags))}"
    match detail.get("ctx", {}).get("class_name"):
        case "Choice" | "NamedChoice":
            return BY_NAME
        case "Pair":
            return "allowed: a table with teacher and student"
        case "Gate":
            return "allowed: a table with metric and its limit"
    return f"allowed: a table, that is [{at[-1]}] with one key a line below it"


def _widen(at: Location, problem: Problem, table: dict[str, Any], catalog: Catalog) -> Located:
    """An unknown option of a dataset may as well be a misspelt key of `data` itself."""
    data = table["data"]
    if (
        len(at) == 2
        and at[0] == "data"
        and isinstance(data, dict)
        and "use" in data
        and problem.what.startswith("unknown option")
    ):
        options = [option.name for option in catalog.signature("datasets", data["use"]).options]
        allowed = [*options, "use", *(field for field in DataSpec.model_fields if field != "dataset")]
        return at, Problem(f"unknown key '{at[1]}' at data", help=nearest(str(at[1]), allowed))
    return at, problem


def _written(loc: Location, table: dict[str, Any]) -> Location:
    """A location without what pydantic puts in itself: a union's tag such as 'sgd' or 'list', 'dataset', 'options'."""
    at: list[str | int] = []
    node: Any = table
    for part in loc:
        inner = _inside(node, part)
        tag = part == node or (isinstance(node, dict) and node.get("use") == part)
        if inner is None and (tag or part in ("dataset", "options", "list", "dict")):
            continue
        at.append(part)
        node = inner
    return tuple(at)


def _value(table: dict[str, Any], at: Location) -> Any:
    node: Any = table
    for part in at:
        node = _inside(node, part)
    return node


def _inside(node: Any, part: str | int) -> Any:
    """One step into a table or a list; None where there is none (TOML has no null)."""
    if isinstance(node, dict):
        return node.get(part)
    return node[part] if isinstance(node, list) and isinstance(part, int) and part < len(node) else None


def _tags(at: Location, table: dict[str, Any]) -> list[str]:
    """The values of `use` that tell the tables at a location apart."""
    records = _records_at(at, table)
    return [str(record.model_fields["use"].default) for record in records] if len(records) > 1 else []


def _records_at(at: Location, table: dict[str, Any]) -> list[type[Record]]:
    """The records that a location may hold: of a union the one that `use` names, or else all."""
    records: list[type[Record]] = [Suite]
    node: Any = table
    for part in at:
        node = _inside(node, part)
        if isinstance(part, int):
            continue
        fields = [record.model_fields[part] for record in records if part in record.model_fields]
        records = [record for field in fields for record in _records_in(field.annotation)]
        use = node.get("use") if isinstance(node, dict) else node
        named = [r for r in records if len(records) > 1 and r.model_fields["use"].default == use]
        records = named or records
    return records


def _records_in(kind: Any) -> list[type[Record]]:
    if isinstance(kind, type) and issubclass(kind, Record):
        return [kind]
    return [record for inner in getattr(kind, "__args__", ()) for record in _records_in(inner)]


def _place(at: Location, problem: Problem, file: str, text: str) -> tuple[int, Problem]:
    line = find_line(text, at)
    where = locate(at[:-1] if at and at[-1] == "use" else at)
    what = (
        problem.what if not where or where in problem.what or " at " in problem.what else f"{problem.what} at {where}"
    )
    absent = len(at) == 1 and problem.what.startswith("missing key")  # no line of the file is to blame
    source = None if absent or not text else text.splitlines()[line - 1]
    return line, Problem(what, f"{file}:{line}", source, problem.help)


def find_line(text: str, at: Location) -> int:
    """The line (from 1) of the deepest part of a location that the text shows; tomllib keeps no positions."""
    lines = text.splitlines()
    best, start, end = 1, 0, len(lines)
    path: list[str] = []
    for i, part in enumerate(at):
        if isinstance(part, int):
            continue
        path.append(part)
        index = at[i + 1] if i + 1 < len(at) and isinstance(at[i + 1], int) else 0
        assert isinstance(index, int)
        header = re.compile(rf"\s*\[\[?\s*{re.escape('.'.join(path))}\s*\]\]?\s*(#.*)?$")
        headers = [n for n, line in enumerate(lines) if header.match(line)]
        if len(headers) > index:
            start = headers[index]
            end = next((n for n in range(start + 1, len(lines)) if lines[n].lstrip().startswith("[")), len(lines))
            best = start + 1
            continue
        key = re.compile(rf"(^|[{{,\s.])[\"']?{re.escape(part)}[\"']?\s*=")
        found = next((n for n in range(start, end) if key.search(lines[n])), None)
        if found is None:
            continue
        if all(lines[found].count(left) == lines[found].count(right) for left, right in ("[]", "{}")):
            end = found + 1  # the whole value stands on this line
        tables = [n for n in range(found, end) if "{" in lines[n]]  # an array of inline tables, one a line
        start = tables[index] if index and index < len(tables) else found
        best = start + 1
    return best
