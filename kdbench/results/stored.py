"""What every record in a file of its own has, the number of its schema, and the one function that reads them all."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from kdbench.spec import Record, UserError

S = TypeVar("S", bound="Stored")

# Raise it when the fields of any stored record change their meaning or their names, and let `carry_over` read the
# records of the number before.
SCHEMA = 2
CARRY_OVER = "carry its folder over with `python -m kdbench.results.carry_over OLD NEW`, or choose another folder"


class Stored(Record):
    """A record that lies in a file of its own. Files of schema 1 have no number."""

    schema_number: int = SCHEMA


class _Numbered(BaseModel):
    """Any stored record, of which only the number of its schema is read."""

    schema_number: int = 1


def read_stored(path: Path, kind: type[S], *, older: str = CARRY_OVER) -> S:
    """A record from its file. Raises `UserError` where it is missing, of another schema, or damaged.

    `older` says what to do about a file of an older schema.
    """
    try:
        content = path.read_bytes()
        number = _Numbered.model_validate_json(content).schema_number
        if number != SCHEMA:
            advice = older if number < SCHEMA else "install a newer kdbench"
            raise UserError(f"'{path}' has schema {number}, and this kdbench reads schema {SCHEMA}: {advice}")
        return kind.model_validate_json(content)
    except OSError as error:
        help = "run the suite again: what is missing is measured again"
        raise UserError(f"cannot read '{path}': {error.strerror}", help=help) from error
    except ValidationError as error:
        detail = error.errors()[0]
        at = ".".join(map(str, detail["loc"])) or "the whole file"
        help = "remove the file, and it is measured again"
        raise UserError(f"'{path}' is damaged: {at}: {detail['msg']}", help=help) from error
