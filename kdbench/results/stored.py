"""What every record in a file of its own has, and the one function that reads them all."""

import re
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kdbench.spec import Record, UserError

S = TypeVar("S", bound="Stored")

# Raise it when the fields of any stored record change their meaning or their names, and let `carry_over` read the
# records of the number before.
SCHEMA = 2
CARRY_OVER = "carry its folder over with `python -m kdbench.results.carry_over OLD NEW`, or choose another folder"
MEASURED_AGAIN = "remove the file, and it is measured again"
# What a file or a folder of a store is called: it leads out of no folder.
FILE_NAME = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._~=,+@-]{1,200}")

Key = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]  # see `kdbench.spec.content_key`
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Part = Annotated[float, Field(ge=0, le=1)]  # of a whole
Amount = Annotated[float, Field(ge=0)]  # of seconds, joules and the like
# Whole numbers from 0 and from 1, which a float can hold: Python's have no end.
Number = Annotated[int, Field(ge=0, lt=2**63)]
Natural = Annotated[int, Field(ge=1, lt=2**63)]


class Raw(Record):
    """What was measured: a number that is none (NaN) or without end is an error, too."""

    model_config = ConfigDict(allow_inf_nan=False)


class Stored(Raw):
    """A record that lies in a file of its own. Files of schema 1 have no number."""

    schema_number: int = SCHEMA


class Keyed(Stored):
    """A record that lies under its key."""

    key: Key


class KeyedTimes(Stored):
    """Times, which lie under their key; those that were stored before records told it have none."""

    key: Key | None = None


class _Numbered(BaseModel):
    """Any stored record, of which only the number of its schema is read."""

    schema_number: int = 1


def read_stored(path: Path, kind: type[S], *, older: str = CARRY_OVER, damaged: str = MEASURED_AGAIN) -> S:
    """A record from its file. Raises `UserError` where it is missing, of another schema, damaged, or another's.

    `older` and `damaged` say what to do about a file of an older schema, and about one that is damaged.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        help = "run the suite again: what is missing is measured again" if missing else damaged
        raise UserError(f"cannot read '{path}': {error.strerror}", help=help) from error
    try:
        record = kind.model_validate_json(content)
    except ValidationError as error:
        _refuse_schema(path, content, older)
        detail = error.errors()[0]
        at = ".".join(map(str, detail["loc"])) or "the whole file"
        raise UserError(
            f"'{path}' is damaged: {at}: {detail['msg'].removeprefix('Value error, ')}", help=damaged
        ) from error
    if "schema_number" not in record.model_fields_set or record.schema_number != SCHEMA:
        _refuse_schema(path, content, older)
    if isinstance(record, Keyed | KeyedTimes) and record.key not in (None, path.stem, path.parent.name):
        raise UserError(f"'{path}' is not where it belongs: it is the record of {record.key}", help=damaged)
    return record


def _refuse_schema(path: Path, content: bytes, older: str) -> None:
    """Raise `UserError` where a file has another schema; what has no number that can be read is damaged."""
    try:
        number = _Numbered.model_validate_json(content).schema_number
    except ValidationError:
        return
    if number != SCHEMA:
        advice = older if number < SCHEMA else "install a newer kdbench"
        raise UserError(f"'{path}' has schema {number}, and this kdbench reads schema {SCHEMA}", help=advice)
