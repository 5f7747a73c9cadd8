"""Where people use the gate: a pytest plugin, GitHub's annotations, an action and a workflow, run as scripts."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.test_cli import ONE, UNTIMED, kdbench

ROOT = Path(__file__).parents[2]
TEST = """\
import kdbench

def test_as_good_as_it_was(kdbench_baseline):
    verdict = kdbench.assert_no_regression("tiny.toml", kdbench_baseline, strict=False)
    assert verdict.measured
"""


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ci")
    (folder / "tiny.toml").write_text(UNTIMED + '\n[[gates]]\nmetric = "top1"\nmay_drop = 0.3\n')
    (folder / "test_model.py").write_text(TEST)
    kdbench("run", "tiny.toml", *ONE, at=folder)
    kdbench("baseline", "tiny.toml", "--to", "base", "--force", at=folder)
    return folder


@pytest.fixture
def user(frozen: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(frozen, tmp_path / "user"))


def shrink_the_baseline(folder: Path) -> None:
    """As if the students had had a parameter less before."""
    file = folder / "base/baseline.json"
    content = json.loads(file.read_text())
    for model in content["models"]:
        model["facts"]["parameters"] -= 1
    file.write_text(json.dumps(content))


def run_pytest(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """With the plugin alone, whether or not this environment has it installed."""
    command = [sys.executable, "-m", "pytest", "-p", "kdbench.pytest_plugin", "-p", "no:cacheprovider", *options]
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    variables = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": path}
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=300)


def test_a_test_of_the_users_passes_where_nothing_changed(user: Path) -> None:
    done = run_pytest(user, "--kdbench-baseline", "base")
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_a_test_of_the_users_fails_with_the_sentences_of_the_verdict(user: Path) -> None:
    shrink_the_baseline(user)
    done = run_pytest(user, "--kdbench-baseline", "base")
    assert done.returncode == 1
    assert "AssertionError: Regression: tiny" in done.stdout
    assert "parameters regressed:" in done.stdout
    assert "to accept the present figures: kdbench run tiny.toml && kdbench baseline tiny" in done.stdout


def test_without_a_baseline_the_fixture_skips(user: Path) -> None:
    done = run_pytest(user, "-rs")
    assert done.returncode == 0
    assert "no baseline was given: --kdbench-baseline DIR" in done.stdout


def test_the_plugin_is_declared_and_imports_nothing_heavy() -> None:
    assert (
        '[project.entry-points.pytest11]\nkdbench = "kdbench.pytest_plugin"\n' in (ROOT / "pyproject.toml").read_text()
    )
    code = "import kdbench.pytest_plugin, sys; print(*({'torch', 'numpy', 'pydantic', 'kdbench.api'} & {*sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def on_github(**more: str) -> Mapping[str, str]:
    return {**os.environ, "GITHUB_ACTIONS": "true", **more}


def test_github_gets_annotations_and_a_summary(user: Path) -> None:
    shrink_the_baseline(user)
    page = user / "summary"
    command = [sys.executable, "-m", "kdbench", "check", "tiny.toml", "--baseline", "base", *ONE]
    done = subprocess.run(
        command, cwd=user, env=on_github(GITHUB_STEP_SUMMARY=str(page)), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 3
    assert "::error file=tiny.toml,title=parameters regressed::" in done.stderr
    assert "::" not in done.stdout
    assert page.read_text().startswith("## Regression: tiny")


def test_every_check_is_kept_and_shown_by_history(user: Path) -> None:
    kdbench("check", "tiny.toml", "--baseline", "base", at=user)
    kdbench("check", "tiny.toml", "--baseline", "base", "--checks", "elsewhere", at=user)
    (kept,) = (user / "results/checks/tiny").glob("*.json")
    assert {figure["kind"] for figure in json.loads(kept.read_text())["figures"]} >= {"top1", "parameters"}
    assert len([*(user / "elsewhere/tiny").glob("*.json")]) == 1
    told = kdbench("history", "tiny.toml", at=user).stdout
    assert told.startswith("1 check of 'tiny', ")
