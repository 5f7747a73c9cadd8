"""Drafts: gone at the end of their block; of processes that died known by their lock."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import pytest

from kdbench.results import drafts
from kdbench.results.drafts import dead_drafts, draft_file, draft_folder, remove_dead, temporary_folder


def test_what_was_not_renamed_is_gone(tmp_path: Path) -> None:
    with draft_folder(tmp_path, "k") as folder, draft_file(tmp_path, "r.json") as file:
        (folder / "x").write_text("x")
        assert (folder.parent, file.parent, file.read_bytes()) == (tmp_path, tmp_path, b"")
    assert list(tmp_path.iterdir()) == []


def test_what_was_renamed_stays(tmp_path: Path) -> None:
    with draft_folder(tmp_path, "k") as folder, draft_file(tmp_path, "r.json") as file:
        folder.rename(tmp_path / "k")
        file.rename(tmp_path / "r.json")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["k", "r.json"]


def test_only_those_of_processes_that_died_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".kdbench-draft-k-dead").mkdir()
    (tmp_path / ".kdbench-draft-r.json-dead").write_bytes(b"half")
    (tmp_path / "k").mkdir()
    (tmp_path / ".gitignore").write_text("*")
    with draft_folder(tmp_path, "k") as folder, draft_file(tmp_path, "r.json") as file:
        assert [path.name for path in dead_drafts(tmp_path)] == [".kdbench-draft-k-dead", ".kdbench-draft-r.json-dead"]
        remove_dead(tmp_path, "k")
        assert [path.name for path in dead_drafts(tmp_path)] == [".kdbench-draft-r.json-dead"]
        remove_dead(tmp_path)
        assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "k", tmp_path / ".gitignore", folder, file])


def test_names_are_no_patterns(tmp_path: Path) -> None:
    (tmp_path / ".kdbench-draft-a-dead").mkdir()
    assert not list(dead_drafts(tmp_path, "[a]"))


def test_one_that_is_found_before_it_is_locked_is_made_again(tmp_path: Path) -> None:
    made: list[Path] = []

    def make() -> str:
        """The first is being removed by another process."""
        made.append(Path(tempfile.mkdtemp(dir=tmp_path)))
        if len(made) == 1:
            handle = os.open(made[0], os.O_RDONLY)
            fcntl.flock(handle, fcntl.LOCK_EX)
            Timer(0.2, lambda: (made[0].rmdir(), os.close(handle))).start()
        return str(made[-1])

    with drafts._draft(make) as draft:
        assert draft == made[1]
        assert list(tmp_path.iterdir()) == [draft]


def test_a_file_system_without_locks_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Iterator[None]:
        raise OSError("no locks here")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with draft_folder(tmp_path, "k") as folder:
        remove_dead(tmp_path)
        assert folder.exists()


def test_temporary_folders_are_where_the_system_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with temporary_folder() as folder:
        assert folder.parent == tmp_path
    assert not folder.exists()
