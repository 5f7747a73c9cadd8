"""What the tests of damaged and hostile data share."""

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kdbench.spec import UserError

T = TypeVar("T")

MEMORY = Path("/dev/shm")  # to make and remove thousands of folders takes minutes on some disks
in_numbers = pytest.mark.parametrize("inputs", [300, pytest.param(10_000, marks=pytest.mark.slow)])


def on_many(inputs: int, check: Callable[[st.DataObject], bool]) -> None:
    """Check so many inputs, of which some are read and some refused, as the check says."""
    ends: list[bool] = []

    @settings(max_examples=inputs, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(data=st.data())
    def on_one(data: st.DataObject) -> None:
        ends.append(check(data))

    on_one()
    assert min(sum(ends), len(ends) - sum(ends)) > inputs / 10


def in_a_folder(check: Callable[[st.DataObject, Path], bool]) -> Callable[[st.DataObject], bool]:
    """The check of each input in a new folder, which is removed."""

    def check_in_it(data: st.DataObject) -> bool:
        with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
            return check(data, Path(folder))

    return check_in_it


def damaged(data: st.DataObject, content: bytes) -> bytes:
    """With some bytes changed, lost or added."""
    at, length = data.draw(st.integers(0, len(content))), data.draw(st.integers(0, 40))
    return content[:at] + data.draw(st.binary(max_size=8)) + content[at + length :]


def contents(folder: Path) -> dict[Path, bytes | None]:
    """All that is in a folder; of what is no regular file, that it is there."""
    return {each: each.read_bytes() if each.is_file() else None for each in folder.rglob("*")}


def read(load: Callable[[], T], outside: Path) -> T | None:
    """What is loaded, or None where it is refused with a next step; soon, and with nothing changed elsewhere."""
    before, began = contents(outside), time.process_time()
    try:
        return load()
    except UserError as error:
        refused = error
    finally:
        assert time.process_time() - began < 5
        assert contents(outside) == before
    assert all(problem.help for problem in refused.problems), refused
    return None


class Harm:
    """Unpickled, it writes a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.file, "run")
