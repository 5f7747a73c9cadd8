"""The files of a new loss: a working one and its test, for the author to change."""

import ast
import keyword
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from string import Template

from kdbench.spec import UserError
from kdbench.zoo.catalog import Catalog

TEMPLATES = Path(__file__).parent / "templates"
TABLE = Path("kdbench/zoo/builtin.py")
NAME = re.compile(r"[a-z][a-z0-9_]{0,27}")  # the table's line must fit into 120 columns


@dataclass(frozen=True)
class NewLoss:
    """What is to be written: paths in `folder`, and their text. Only the table of names exists before."""

    name: str
    folder: Path
    loss: Path
    test: Path
    table: str | None  # the new text of the table of names; none outside a checkout of kdbench

    @property
    def entry_point(self) -> str:
        """What your own package declares in its pyproject.toml."""
        return f'[project.entry-points."kdbench.losses"]\n{self.name} = "{self.name}:{self.name}"'


def plan_loss(name: str, folder: Path) -> NewLoss:
    """A new loss in a checkout of kdbench, or in any other folder. Raises `UserError`; writes nothing."""
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        help = "at most 28 lower-case letters, digits and underscores, as in my_loss, and no keyword of Python"
        raise UserError(f"'{name}' is no name for a loss: it names a function and a file", help=help)
    if name in _own_names():
        raise UserError(f"'{name}' is a name that the new files use themselves", help="choose another")
    within = (folder / TABLE).is_file()
    loss = Path("kdbench/zoo/losses" if within else "") / f"{name}.py"
    test = Path("tests/zoo/losses" if within else "") / f"test_{name}.py"
    for path in (loss, test, loss.with_suffix("")):  # a folder of the name would be imported before the file
        if (folder / path).exists():
            raise UserError(f"'{path}' exists", help="choose another name, or remove it")
    table = (folder / TABLE).read_text("utf-8") if within else ""
    if name in (*Catalog().names("losses"), *(_names_in(table) if within else ())):
        raise UserError(
            f"there is a loss '{name}' already", help=f"choose another name; `kdbench show {name}` describes it"
        )
    if not within and find_spec(name):
        raise UserError(f"there is a module '{name}' already, which {loss} would hide", help="choose another name")
    return NewLoss(name, folder, loss, test, _with_line(table, name) if within else None)


def write_loss(new: NewLoss) -> None:
    """Write all of it, or nothing: raises `UserError` where a file cannot be written."""
    home = f"kdbench.zoo.losses.{new.name}" if new.table else new.name
    import_line = f"from {home} import {new.name}"
    test = {"name": new.name, "import_line": import_line if new.table else f"\n{import_line}"}
    steps: list[tuple[Path, Callable[[Path], object]]] = [
        (new.loss, lambda path: _create(path, _read("loss").substitute(name=new.name))),
        (new.test, lambda path: _create(path, _read("test_loss").substitute(test))),
    ]
    if new.table:
        steps.append((TABLE, lambda path: _replace(path, new.table or "")))
    written: list[Path] = []
    for path, write in steps:
        try:
            write(new.folder / path)
        except OSError as error:
            for made in written:
                made.unlink()
            raise UserError(f"cannot write '{path}': {error.strerror}", help="nothing was written") from error
        written.append(new.folder / path)


def _create(path: Path, text: str) -> None:
    with path.open("x", encoding="utf-8") as file:
        file.write(text)


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}-draft")
    try:
        draft.write_text(text, "utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _read(template: str) -> Template:
    return Template((TEMPLATES / f"{template}.txt").read_text("utf-8"))


def _own_names() -> set[str]:
    """Every name that the files use themselves: a loss of the same name would shadow it."""
    found = set()
    for template in ("loss", "test_loss"):
        text = _read(template).substitute(name="placeholder", import_line="")
        for node in ast.walk(ast.parse(text)):
            match node:
                case ast.Name(id=name) | ast.arg(arg=name) | ast.alias(name=name) | ast.FunctionDef(name=name):
                    found.add(name)
    return found - {"placeholder"}


def _losses_of(table: str) -> ast.Dict:
    """The losses, in the text of the table of all names."""
    for node in ast.parse(table).body:
        if (
            isinstance(node, ast.AnnAssign)
            and ast.unparse(node.target) == "BUILTIN"
            and isinstance(node.value, ast.Dict)
        ):
            for key, value in zip(node.value.keys, node.value.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "losses" and isinstance(value, ast.Dict):
                    return value
    raise UserError(f"'{TABLE}' has no table of losses", help="is this a checkout of kdbench as it was published?")


def _names_in(table: str) -> list[str]:
    return [str(key.value) for key in _losses_of(table).keys if isinstance(key, ast.Constant)]


def _with_line(table: str, name: str) -> str:
    """The table of names with one more loss, after the last one."""
    lines = table.splitlines(keepends=True)
    last = _losses_of(table).values[-1].end_lineno or 0
    return "".join((*lines[:last], f'        "{name}": "kdbench.zoo.losses.{name}:{name}",\n', *lines[last:]))
