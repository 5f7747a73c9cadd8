"""The generated part of `docs/suite.md`: every key of a suite file, from the JSON schema."""

from collections.abc import Iterable
from itertools import groupby

from benchmarks.harness import Content
from benchmarks.presentation import Tables, markdown
from kdbench.spec.reading.reference import SuiteKey, suite_keys

HEAD = ("Key", "What it means", "Allowed", "Unit", "Default", "Example")


def _keys(_: Content) -> str:
    """A table for each table of a suite file, those of `[teacher_train]` left out: they are those of `[train]`."""
    keys = [key for key in suite_keys() if key.table != "teacher_train" and "teacher_train." not in key.path]
    tables = ((_title(*place), list(found)) for place, found in groupby(keys, lambda key: (key.table, key.of)))
    return "\n\n".join(f"### {title}\n\n{_table(found)}" for title, found in tables)


def _title(table: str, use: str | None) -> str:
    name = f"`{table}`" if table else "Top level"
    return f'{name} with `use = "{use}"`' if use else name


def _table(keys: Iterable[SuiteKey]) -> str:
    return markdown(HEAD, [tuple(map(_cell, _row(key))) for key in keys])


def _row(key: SuiteKey) -> tuple[str, ...]:
    name = key.path.rpartition(".")[2]
    default = f"`{key.default}`" if key.default not in ("", "required") else key.default
    return f"`{name}`", key.what, key.allowed, key.unit or "", default, f"`{name} = {key.example}`"


def _cell(text: str) -> str:
    """A pipe would end the cell."""
    return text.replace("|", "\\|")


TABLES: Tables = {"keys": _keys}
