"""The weights that teachers of a suite bring: which files they are, and whether they can be theirs."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from kdbench.spec.choice import Choice
from kdbench.spec.errors import Problem, as_toml
from kdbench.spec.signature import Catalog
from kdbench.spec.suite import Pair, TeacherChoice
from kdbench.spec.trial import Checkpoint

CHUNK = 2**20
ONNX = 'an ONNX file holds its network: teacher = { use = "onnx", weights = "teacher.onnx" }'
Located = tuple[tuple[str | int, ...], Problem]


def place_weights(table: dict[str, Any], folder: Path) -> None:
    """Take the paths of teachers' weights from the folder of the suite file. What is not well-formed stays."""
    pairs = table.get("pairs")
    for pair in pairs if isinstance(pairs, list) else ():
        teacher = pair.get("teacher") if isinstance(pair, dict) else None
        weights = teacher.get("weights") if isinstance(teacher, dict) else None
        if isinstance(teacher, dict) and isinstance(weights, str):
            teacher["weights"] = str(folder / weights)
        elif isinstance(weights, dict) and isinstance(weights.get("file"), str):
            weights["file"] = str(folder / weights["file"])


def read_weights(pairs: Sequence[Pair], teacher_seeds: int, catalog: Catalog) -> tuple[tuple[Pair, ...], list[Located]]:
    """The pairs with the content of each file of weights, by its hash; and what is wrong with them."""
    found, problems = [], list[Located]()
    for i, pair in enumerate(pairs):
        if _is_from_file(pair.student, catalog):
            text = f"'{pair.student.use}' is a student: the network of a file is not trained"
            problems.append((("pairs", i, "student"), Problem(text, help="it can only teach")))
        teacher, wrong = _read(pair.teacher, catalog)
        problems += [(("pairs", i, "teacher", "weights"), problem) for problem in wrong]
        found.append(pair.model_copy(update={"teacher": teacher}))
    if teacher_seeds > 1 and any(pair.teacher.weights and not pair.teacher.weights.tune for pair in pairs):
        text = f"teacher_seeds is {teacher_seeds}, and a teacher brings its weights, of which there is one set"
        problems.append(
            (("teacher_seeds",), Problem(text, help="drop teacher_seeds, or have it trained further: tune = true"))
        )
    return tuple(found), problems


def _read(teacher: TeacherChoice, catalog: Catalog) -> tuple[TeacherChoice, list[Problem]]:
    weights, problems = teacher.weights, list[Problem]()
    if _is_from_file(teacher, catalog) != bool(weights and Path(weights.file).suffix == ".onnx"):
        text = f"'{teacher.use}' has {f'the weights {as_toml(weights.label)}' if weights else 'no weights'}"
        problems.append(Problem(text, help=f"{ONNX}; every other model takes weights alone"))
    if weights and weights.published and not teacher.use.startswith(("torchvision:", "timm:")):
        text = f"'{teacher.use}' has no published weights"
        problems.append(
            Problem(text, help='models of torchvision and timm have; give a file, as "teacher.safetensors"')
        )
    if weights and weights.tune and _is_from_file(teacher, catalog):
        problems.append(Problem("tune = true: the network of an ONNX file is not trained", help="leave out tune"))
    if not weights or not weights.file:
        return teacher, problems
    try:
        return teacher.model_copy(update={"weights": _with_content(weights)}), problems
    except OSError as error:
        text = f"cannot read the weights '{weights.file}': {error.strerror}"
        return teacher, [Problem(text, help="it begins in the folder of the suite file, or the working folder")]


def _is_from_file(model: Choice, catalog: Catalog) -> bool:
    """Whether it is the network that a file holds."""
    try:
        return "content" in catalog.signature("models", model.use).inputs
    except KeyError:
        return False  # which is a problem of its own


def _with_content(weights: Checkpoint) -> Checkpoint:
    """With the hash of the file. Raises `OSError`."""
    found = Path(weights.file).stat()
    return weights.model_copy(update={"sha256": _sha256(weights.file, found.st_mtime_ns, found.st_size)})


@lru_cache(maxsize=64)  # a suite is planned again and again
def _sha256(file: str, _: int, __: int) -> str:
    digest = hashlib.sha256()
    with Path(file).open("rb") as opened:
        while chunk := opened.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
