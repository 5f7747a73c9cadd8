"""`kdbench new` as a user meets it: what it writes works, in a checkout and elsewhere."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kdbench.cli.failure import run_guarded
from kdbench.cli.new import command as new
from kdbench.spec import load_suite, parse_suite
from kdbench.zoo.catalog import Catalog

ROOT = Path(__file__).parent.parent.parent


def call(*argv: str, at: Path, code: int = 0) -> str:
    """Run a module of Python's in a folder, whose own kdbench comes first where it has one."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(at), str(ROOT)])}
    done = subprocess.run(
        [sys.executable, "-m", *argv], cwd=at, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of kdbench with two new losses, of a short name and of the longest."""
    folder = tmp_path_factory.mktemp("checkout")
    unneeded = shutil.ignore_patterns("__pycache__", "plugin")
    for part in ("kdbench", "tests"):
        shutil.copytree(ROOT / part, folder / part, ignore=unneeded)
    shutil.copy(ROOT / "pyproject.toml", folder)
    for name in NAMES:
        said = call("kdbench", "new", "loss", name, at=folder)
        for word in (f"kdbench/zoo/losses/{name}.py", f"tests/zoo/losses/test_{name}.py", "make docs"):
            assert word in said
    return folder


NAMES = ("mine", "a_loss_of_the_longest_name_x")


def test_what_is_written_passes_its_own_tests_and_those_of_all_losses(checkout: Path) -> None:
    tests = ("tests/zoo/losses", "tests/zoo/test_catalog.py", "tests/zoo/contract/test_check.py")
    said = call("pytest", "-p", "no:cacheprovider", *tests, "-k", NAMES[0], "-vv", at=checkout)
    for test in ("test_mine.py::test_value_by_hand", "test_check.py::", "test_catalog.py::"):
        assert test in said
    assert "temperature  default 4.0" in call("kdbench", "show", "mine", at=checkout)


def test_what_is_written_has_the_style_of_the_rest(checkout: Path) -> None:
    files = [f"{folder}{name}.py" for name in NAMES for folder in ("kdbench/zoo/losses/", "tests/zoo/losses/test_")]
    for command in (("format", "--check"), ("check", "--no-cache")):
        call("ruff", *command, *files, "kdbench/zoo/builtin.py", at=checkout)


def test_elsewhere_it_works_by_module_and_tells_the_entry_point(tmp_path: Path) -> None:
    said = call("kdbench", "new", "loss", "mine", at=tmp_path)
    assert '[project.entry-points."kdbench.losses"]\nmine = "mine:mine"' in said
    assert 'kdbench run SUITE -p mine, with use = "mine:mine"' in said
    assert "make docs" not in said
    assert "4 passed" in call("pytest", "-p", "no:cacheprovider", "-q", "test_mine.py", at=tmp_path)
    assert "temperature  default 4.0" in call("kdbench", "show", "mine:mine", "-p", "mine", at=tmp_path)


@pytest.mark.parametrize(
    ("name", "said"),
    [("my-loss", "no name for a loss"), ("kd", "there is a loss 'kd' already"), ("json", "a module 'json' already")],
)
def test_bad_names_get_one_message_and_code_two(name: str, said: str, tmp_path: Path) -> None:
    told = call("kdbench", "new", "loss", name, at=tmp_path, code=2)
    assert told.count("error: ") == 1
    assert said in told
    assert not list(tmp_path.iterdir())


def test_a_suite_file_is_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_guarded(new, ["suite", "mine", "--losses", "kd, fitnet"]) == 0
    assert capsys.readouterr().out.startswith("mine.toml: what it trains is told by `kdbench plan mine.toml`")
    suite = load_suite(tmp_path / "mine.toml", Catalog())
    assert [loss.use for loss in suite.losses] == ["cross_entropy", "kd", "fitnet"]
    text = (tmp_path / "mine.toml").read_text()
    head, _, gates = text.partition("# [[gates]]")
    gated = parse_suite(head + re.sub("^# ", "", f"# [[gates]]{gates}", flags=re.MULTILINE), "mine.toml", Catalog())
    assert [gate.metric for gate in gated.gates] == ["top1", "latency"]
    assert run_guarded(new, ["suite", "mine"]) == 2
    assert "'mine.toml' exists" in capsys.readouterr().err
