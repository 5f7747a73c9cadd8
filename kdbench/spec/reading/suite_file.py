"""Reading a suite file: TOML to `Suite`, with every error at its line."""

import copy
import difflib
import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, to_jsonable_python

from kdbench.spec.choice import Choice
from kdbench.spec.errors import Problem, UserError, as_toml, nearest
from kdbench.spec.keys import marks_of
from kdbench.spec.reading.bounds import MOST_BYTES, out_of_bounds, parse_toml
from kdbench.spec.reading.explain import explain, inside, written
from kdbench.spec.reading.lines import find_line
from kdbench.spec.reading.weights import place_weights
from kdbench.spec.resolve import Located, Location, locate, resolve
from kdbench.spec.signature import Catalog
from kdbench.spec.suite import PART, Suite, SweptChoice
from kdbench.spec.trial import DataSpec
from kdbench.spec.types import FOLDER

Details = list[tuple[Location, ErrorDetails]]
MOST_TOLD = 20  # problems of one suite


def load_suite(path: Path, catalog: Catalog) -> Suite:
    """The suite in a file. Raises `UserError` with all that is wrong, each with file, line and help."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        text = content.decode("utf-8")
    except OSError as error:
        raise UserError(f"cannot read suite file '{path}': {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UserError(
            Problem(
                f"not UTF-8: byte 0x{error.object[error.start]:02x}", f"{path}:{line}", help="save the file as UTF-8"
            )
        ) from error
    if len(content) > MOST_BYTES:
        raise UserError(f"'{path}' has more than {MOST_BYTES} bytes", help="it is no suite: name another file")
    return _beside(parse_suite(text, str(path), catalog), path.parent, catalog)


def _beside(suite: Suite, folder: Path, catalog: Catalog) -> Suite:
    """The suite with paths that are relative to the folder of its file made absolute: data, and that of other teachers.

    A path to nothing there stays as it is: it is relative to the data folder.
    """

    def found(choice: Choice) -> Choice:
        options = catalog.signature("datasets", choice.use).options
        paths = [option.name for option in options if FOLDER in marks_of(option.type) and option.name in choice.options]
        there = {name: folder.resolve() / str(choice.options[name]) for name in paths}
        changes = {name: str(path) for name, path in there.items() if path.is_dir()}
        return choice.model_copy(update={"options": {**choice.options, **changes}})

    def of_way(way: SweptChoice) -> SweptChoice:
        tables = {name: value for name, value in way.options.items() if isinstance(value, dict)}
        sources = {name: table for name, table in tables.items() if table.get("use") in catalog.names("datasets")}
        changes = {name: {**table, **found(Choice.model_validate(table)).options} for name, table in sources.items()}
        return way.model_copy(update={"options": {**way.options, **changes}})

    data = suite.data.model_copy(update={"dataset": found(suite.data.dataset)})
    return suite.model_copy(update={"data": data, "teaching": tuple(map(of_way, suite.teaching))})


def parse_suite(text: str, file: str, catalog: Catalog) -> Suite:
    """The suite in a text; `file` is what errors call it."""
    try:
        table = parse_toml(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"^(.*) \(at line (\d+)", str(error))
        message, line = (found[1], int(found[2])) if found else (str(error), len(text.splitlines()))
        lines = text.splitlines() or [""]
        where = f"{file}:{line}"
        raise UserError(Problem(f"not TOML: {message}", where, lines[min(line, len(lines)) - 1])) from error
    if located := out_of_bounds(table):
        raise UserError(_place(at, problem, file, text)[1] for at, problem in located)
    place_weights(table, Path(file).parent)
    if located := _find_problems(table, catalog) + _name_of_a_part(table):
        problems = sorted((_place(*each, file, text) for each in located[:MOST_TOLD]), key=lambda placed: placed[0])
        raise UserError((*(problem for _, problem in problems), *_further(located)))
    return Suite.model_validate(table)


def check_suite(content: Any, catalog: Catalog) -> None:
    """Raise `UserError` with all that is wrong with a suite that is made in Python.

    A name like `module:attribute` is of a plug-in, and plug-ins are named when the suite is planned: it passes here.
    """
    table = to_jsonable_python(content, serialize_unknown=True)
    wrong = out_of_bounds(table) or _find_problems(table, catalog)
    if located := [each for each in wrong if not _is_of_plugin(each[0], table, catalog)]:
        told = (replace(problem, what=_say(at, problem)) for at, problem in located[:MOST_TOLD])
        raise UserError((*told, *_further(located)))


def _further(located: list[Located]) -> list[Problem]:
    """What stands for those that are not told."""
    left = len(located) - MOST_TOLD
    return [Problem(f"and {left} more problems", help="mend these first")] if left > 0 else []


def _is_of_plugin(at: Location, table: dict[str, Any], catalog: Catalog) -> bool:
    """Whether a problem is about a name `module:attribute`, where the module is no family of models."""
    *path, last = at or ("",)
    choice: Any = table
    for part in path:
        choice = inside(choice, part)
    use = choice.get("use") if isinstance(choice, dict) else choice
    if last != "use" or not isinstance(use, str) or ":" not in use:
        return False
    return f"{use.partition(':')[0]}:" not in catalog.names("models")


def _name_of_a_part(table: dict[str, Any]) -> list[Located]:
    """`@` stands in the names of parts alone, so that no suite can be taken for a part of another."""
    if PART not in str(table.get("name", "")):
        return []
    return [(("name",), Problem(f"the name '{table['name']}' has a '{PART}' in it", help="leave it out"))]


def _find_problems(table: dict[str, Any], catalog: Catalog) -> list[Located]:
    """All problems. Where the structure is wrong, the sound parts are still resolved: their problems come too."""
    try:
        return [_widen(at, problem, table, catalog) for at, problem in resolve(Suite.model_validate(table), catalog)[1]]
    except ValidationError as error:
        details = [(written(detail["loc"], table), detail) for detail in error.errors()]
    details = [(at, detail) for at, detail in details if not _is_empty_for_bad_entries(at, detail, details)]
    located = [explain(at, detail, table) for at, detail in details if not _is_misspelt(at, detail, details)]
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
        table = inside(table, part)
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


# Keys that `data` had before there were parts, and the option of the part that took their place.
FORMER = {"fraction": "share", "per_class": "count"}


def _widen(at: Location, problem: Problem, table: dict[str, Any], catalog: Catalog) -> Located:
    """An unknown option of a dataset may as well be a misspelt key of `data` itself, or one that it had before."""
    data = table["data"]
    if (
        len(at) == 2
        and at[0] == "data"
        and isinstance(data, dict)
        and "use" in data
        and problem.what.startswith("unknown option")
    ):
        if at[1] in FORMER:
            new = f'parts = [{{ use = "{at[1]}", {FORMER[str(at[1])]} = {as_toml(data[at[1]])} }}]'
            return at, Problem(f"the key '{at[1]}' at data is a part of the data now", help=f"write {new}")
        options = [option.name for option in catalog.signature("datasets", data["use"]).options]
        allowed = [*options, "use", *(field for field in DataSpec.model_fields if field != "dataset")]
        return at, Problem(f"unknown key '{at[1]}' at data", help=nearest(str(at[1]), allowed))
    return at, problem


def _place(at: Location, problem: Problem, file: str, text: str) -> tuple[int, Problem]:
    line = find_line(text, at)
    absent = len(at) == 1 and problem.what.startswith("missing key")  # no line of the file is to blame
    source = None if absent or not text else text.splitlines()[line - 1]
    return line, Problem(_say(at, problem), f"{file}:{line}", source, problem.help)


def _say(at: Location, problem: Problem) -> str:
    """What is wrong and where, unless the problem says so itself."""
    where = locate(at[:-1] if at and at[-1] == "use" else at)
    told = not where or where in problem.what or " at " in problem.what
    return problem.what if told else f"{problem.what} at {where}"
