"""Finding a suite: a path, or the name of one in ./suites or shipped with kdbench."""

import tomllib
from pathlib import Path

from kdbench.spec.errors import UserError, nearest
from kdbench.spec.reading.bounds import parse_toml


def suite_folders() -> tuple[Path, ...]:
    """Where suites are looked for by name: the working folder first, then kdbench's own (installed, or a checkout)."""
    package = Path(__file__).parents[2]
    folders = (Path("suites"), package / "suites", package.parent / "suites")
    return tuple(folder for folder in folders if folder.is_dir())


def suites() -> dict[str, Path]:
    """Every suite that can be run by name."""
    found = [path for folder in reversed(suite_folders()) for path in sorted(folder.glob("*.toml"))]
    return {path.stem: path for path in found}


def find_suite(name: str) -> Path:
    """The file that a name or a path on the command line means. Raises `UserError` where there is none."""
    path = Path(name)
    if path.suffix == ".toml" or path.is_file():
        if not path.is_file():
            raise UserError(f"no suite file '{name}'", help="`kdbench list suites` shows those that run by name")
        return path
    known = suites()
    if name not in known:
        raise UserError(f"no suite '{name}'", help=f"{nearest(name, known)}; or give a path that ends in .toml")
    return known[name]


def suite_name(argument: str) -> str:
    """The name under which results are kept: of the suite that a path or a name finds, else the argument itself."""
    path = Path(argument)
    file = find_suite(argument) if path.suffix == ".toml" else suites().get(argument)
    if file is None:
        return argument
    try:
        return str(parse_toml(file.read_bytes().decode("utf-8")).get("name", file.stem))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError):
        return file.stem
