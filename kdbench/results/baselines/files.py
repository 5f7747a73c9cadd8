"""A baseline is read back, and its ONNX files are found: beside it, in another folder, or at a URL of fsspec."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from kdbench.results.baselines.baseline import Baseline, BaselineError
from kdbench.results.store import sha256_of
from kdbench.results.stored import read_stored
from kdbench.spec import UserError

BASELINE = "baseline.json"
FREEZE = "freeze one with: kdbench baseline SUITE --to DIR"
PASSWORD = re.compile(r"://[^/@]*:[^/@]*@")


def load_baseline(folder: Path, suite: str) -> Baseline:
    """The baseline of a suite in a folder. Raises `BaselineError` where it is missing, damaged or of another suite."""
    path = folder / BASELINE
    if not path.is_file():
        raise BaselineError(f"no baseline in '{folder}': there is no {BASELINE}", help=FREEZE)
    try:
        baseline = read_stored(path, Baseline, older=FREEZE, damaged=f"restore it as it was committed, or {FREEZE}")
        frozen = baseline.spec.name
    except UserError as error:
        raise BaselineError(error.problems) from error
    except ValidationError as error:
        detail = error.errors()[0]
        at = ".".join(map(str, detail["loc"]))
        raise BaselineError(f"damaged baseline '{path}': suite.{at}: {detail['msg']}", help=FREEZE) from error
    if frozen != suite:
        raise BaselineError(f"the baseline '{folder}' is of suite '{frozen}', not of '{suite}'", help=FREEZE)
    if fault := _not_whole(baseline):
        raise BaselineError(f"damaged baseline '{path}': {fault}", help=f"restore it as it was committed, or {FREEZE}")
    return baseline


def _not_whole(baseline: Baseline) -> str:
    """What the rows lack of what was frozen, as after a merge that went wrong; empty where they are whole.

    Where trials had failed, their seeds are not there. The rows of each architecture are told with it as well.
    """
    students = {place: rows for place, rows in baseline.by_place.items() if place[1] == "student"}
    if not students:
        return "it has no row of a student"
    deployed = {(model.pair, model.role, row) for model in baseline.models for row in model.rows}
    for place in sorted(baseline.by_place.keys() ^ deployed):
        return f"{' / '.join(place)} is not among both its rows and its models"
    for place, rows in students.items():
        seeds = [row.seed for row in rows]
        lacking = [] if baseline.failed else sorted(set(baseline.spec.seeds) - set(seeds))
        if lacking or len(seeds) > len(set(seeds)):
            fault = f"lacks seed {lacking[0]} of its suite" if lacking else "has a seed twice"
            return f"{' / '.join(place)} {fault}"
    return ""


def keep_outside(files: Mapping[str, Path], where: str, folder: Path) -> str:
    """Copy a baseline's files to a folder or a URL; returns it as the baseline in `folder` names it."""
    if PASSWORD.search(where):
        help = "leave it out: storages of fsspec take credentials from the environment or from files of their own"
        raise UserError("the URL holds a password, and would be committed with the baseline", help=help)
    import fsspec  # .1 s

    for name, source in files.items():
        try:
            with fsspec.open(f"{where.rstrip('/')}/{name}", "wb", auto_mkdir=True) as file:
                file.write(source.read_bytes())
        except Exception as error:  # storages raise their own: see `onnx_files`
            help = "give a folder, or a URL of fsspec that can be written to with the credentials that are here"
            raise UserError(f"cannot write '{name}' to '{where}': {_told(error)}", help=help) from error
    return where if "://" in where or Path(where).is_absolute() else os.path.relpath(where, folder)


def onnx_files(baseline: Baseline, folder: Path, scratch: Path) -> dict[str, Path]:
    """Every ONNX file that a baseline keeps, by its name, checked against its hash; those of a URL come to `scratch`.

    Raises `BaselineError` where one is missing or altered.
    """
    found: dict[str, Path] = {}
    for model in baseline.models:
        if model.onnx is None or model.onnx in found:
            continue
        try:
            file = _fetch(baseline.files, model.onnx, model.facts.onnx_bytes, folder, scratch)
            digest = sha256_of(file)
        except Exception as error:  # without credentials s3fs raises botocore's, gcsfs its own: neither is an `OSError`
            where = baseline.files or folder
            text = f"the baseline '{folder}' lacks its file '{model.onnx}' in '{where}': {_told(error)}"
            help = f"bring it back or give access to it, check without it (--no-latency), or {FREEZE}"
            raise BaselineError(text, help=help) from error
        if digest != model.facts.onnx_sha256:
            text = f"'{model.onnx}' of the baseline '{folder}' is not the file that was frozen: its SHA-256 differs"
            raise BaselineError(text, help=FREEZE)
        found[model.onnx] = file
    return found


def _told(error: Exception) -> str:
    """What an error says; its name where it says nothing."""
    return str(error) or type(error).__name__


def _fetch(where: str, name: str, size: int, folder: Path, scratch: Path) -> Path:
    """Where the file is here; of a URL no more is read than was frozen, whatever it serves."""
    if "://" not in where:
        return folder / where / name
    import fsspec  # .1 s

    file = scratch / name
    with fsspec.open(f"{where.rstrip('/')}/{name}", "rb") as source:
        file.write_bytes(source.read(size + 1))
    return file
