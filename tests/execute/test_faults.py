"""Runs that die or whose files are refused, at each change to the store: the next run gives what an undisturbed one does.

It trains nothing again that was whole, and leaves no draft.
"""

import errno
import tempfile
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from kdbench.spec import Suite, UserError
from tests.execute.faulty import Death, Faults, drafts, faults, figures, trained
from tests.execute.running import place, run
from tests.small import small_suite

# What happens, and whether it goes on: a disk that is full stays so.
KINDS: tuple[dict[str, Any], ...] = (
    {"number": None, "lasts": True},
    {"number": errno.ENOSPC, "lasts": True},
    {"number": errno.EIO, "lasts": False},
    {"number": errno.EROFS, "lasts": True},
    {"number": errno.EACCES, "lasts": False},
)


@pytest.fixture(scope="module")
def suite() -> Suite:
    """A teacher, a student alone and one that it teaches, of an epoch each."""
    return small_suite(seeds=1, train={"epochs": 1, "batch_size": 64}, latency={"batch_sizes": []})


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


@pytest.fixture(scope="module")
def undisturbed(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> tuple[JsonValue, int]:
    """What an undisturbed run gives, and how many changes it makes to the store."""
    root = tmp_path_factory.mktemp("undisturbed")
    with faults(Faults(root)) as counted:
        run(suite, place(root))
    return figures(root, suite), len(counted.seen)


def disturb(suite: Suite, root: Path, at: int, kind: dict[str, Any]) -> bool:
    """A run with a fault; whether it happened. What was whole before stays as it is."""
    before, ended = trained(root), None
    with faults(Faults(root, at=at, **kind)) as fault:
        try:
            run(suite, place(root))
        except (Death, OSError, UserError) as error:
            ended = error
    assert isinstance(ended, Death) == (kind["number"] is None and fault.happened), ended
    assert not isinstance(ended, OSError) or ended.errno == kind["number"], ended
    assert before.items() <= trained(root).items()
    return fault.happened


def test_a_run_that_is_disturbed_again_and_again_comes_to_its_end(
    suite: Suite, undisturbed: tuple[JsonValue, int], tmp_path: Path
) -> None:
    """Each is disturbed one change later than the one before, by another kind of fault."""
    root = tmp_path / "results"
    kinds = cycle(KINDS)
    at = 1
    while disturb(suite, root, at, next(kinds)):
        at += 1
    run(suite, place(root))
    assert figures(root, suite) == undisturbed[0]
    assert not list(drafts(root, tmp_path / "temporary"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: errno.errorcode.get(kind["number"], "death"))
def test_whatever_change_is_disturbed(
    kind: dict[str, Any], suite: Suite, undisturbed: tuple[JsonValue, int], tmp_path: Path
) -> None:
    wanted, changes = undisturbed
    for at in range(1, changes + 1):
        root = tmp_path / str(at)
        assert disturb(suite, root, at, kind), at
        before = trained(root)
        run(suite, place(root))
        assert before.items() <= trained(root).items(), at
        assert figures(root, suite) == wanted, at
        assert not list(drafts(root, tmp_path / "temporary")), at
