import platform
import subprocess
from pathlib import Path

import pytest

from kdbench.results.machine import software
from kdbench.results.machine.asking import Unknown
from kdbench.results.machine.software import (
    read_allocator,
    read_commit,
    read_working_commit,
    source_hash,
    version_of,
)


def test_the_source_hash_tells_one_code_from_another() -> None:
    assert len(source_hash()) == 16
    int(source_hash(), 16)


def test_a_package_that_is_not_installed_has_no_version() -> None:
    assert version_of("no-such-package") is None
    assert version_of("numpy")


def test_an_installed_kdbench_has_no_commit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(software, "__file__", str(tmp_path / "a" / "b" / "c" / "software.py"))
    with pytest.raises(Unknown, match="not run from a checkout"):
        read_commit()


def test_the_commit_that_a_command_is_run_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def git(*words: str) -> str:
        who = ("-c", "user.name=a", "-c", "user.email=a@b")
        command = ("git", "-C", str(tmp_path), *who, *words)
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    monkeypatch.chdir(tmp_path)
    with pytest.raises(Unknown):
        read_working_commit()
    git("init")
    (tmp_path / "suite.toml").write_text("a")
    git("add", ".")
    git("commit", "-m", "first")
    told = git("rev-parse", "HEAD")
    assert len(read_working_commit()) == 12
    assert told.startswith(read_working_commit())


def test_the_allocator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    assert read_allocator() == "glibc 2.36"
    monkeypatch.setenv("LD_PRELOAD", "/usr/lib/libjemalloc.so.2:/opt/other.so")
    assert read_allocator() == "preloaded: libjemalloc.so.2, other.so"
    monkeypatch.delenv("LD_PRELOAD")
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    with pytest.raises(Unknown, match="not glibc"):
        read_allocator()
