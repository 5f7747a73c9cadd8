"""Reading a suite file: TOML to `Suite`, with every error at its line."""

import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from kdbench.spec.errors import Problem, UserError, nearest
from kdbench.spec.plan import Located, Location, locate, resolve
from kdbench.spec.records import Record, Suite
from kdbench.spec.signature import Catalog


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
    try:
        suite = Suite.model_validate(table)
        _, located = resolve(suite, catalog)
    except ValidationError as error:
        located = [_explain(detail, table) for detail in error.errors()]
    if located:
        raise UserError(_place(at, problem, file, text) for at, problem in located)
    return suite


def _explain(detail: ErrorDetails, table: Any) -> Located:
    at = tuple(part for part in detail["loc"] if not _is_tag(part, detail["loc"], table))
    name, parent = (str(at[-1]), locate(at[:-1]) or "the top level") if at else ("", "the top level")
    match detail["type"]:
        case "extra_forbidden":
            return at, Problem(f"unknown key '{name}' at {parent}", help=nearest(name, _fields(at[:-1])))
        case "missing":
            return at[:-1], Problem(f"missing key '{name}' at {parent}")
        case "value_error":
            return at, Problem(f"{locate(at)}: {detail['msg'].removeprefix('Value error, ')}")
    message = detail["msg"].replace("Input should be", "allowed is")
    return at, Problem(f"{locate(at) or 'the file'} is {_brief(detail['input'])}", help=message)


def _is_tag(part: str | int, loc: tuple[str | int, ...], table: Any) -> bool:
    """Whether pydantic put this part in the location itself: a union's tag such as 'sgd', or 'dataset'."""
    node: Any = table
    for step in loc:
        if step is part:
            break
        node = node.get(step, node) if isinstance(node, dict) else node
    tag = isinstance(node, dict) and node.get("use") == part
    return tag or (part in ("dataset", "options") and isinstance(node, dict) and part not in node)


def _fields(at: Location) -> list[str]:
    """The keys that the table at a location may hold."""
    kind: Any = Suite
    for part in at:
        if isinstance(part, str) and isinstance(kind, type) and issubclass(kind, Record):
            kind = kind.model_fields[part].annotation if part in kind.model_fields else None
        kind = next(iter(_records_in(kind)), None)
    return list(kind.model_fields) if kind else []


def _records_in(kind: Any) -> list[type[Record]]:
    if isinstance(kind, type) and issubclass(kind, Record):
        return [kind]
    return [record for inner in getattr(kind, "__args__", ()) for record in _records_in(inner)]


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _place(at: Location, problem: Problem, file: str, text: str) -> Problem:
    line = find_line(text, at)
    where = locate(at[:-1] if at and at[-1] == "use" else at)
    what = (
        problem.what if not where or where in problem.what or " at " in problem.what else f"{problem.what} at {where}"
    )
    return Problem(what, f"{file}:{line}", text.splitlines()[line - 1] if text else "", problem.help)


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
