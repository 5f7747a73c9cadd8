"""Where people use the gate: a pytest plugin, GitHub's annotations; files for CI services, whose steps run as scripts."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from tests.cli.inside import kdbench
from tests.cli.test_cli import UNTIMED

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
    kdbench("run", "tiny.toml", at=folder)
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


@pytest.mark.slow
def test_a_test_of_the_users_passes_where_nothing_changed(user: Path) -> None:
    done = run_pytest(user, "--kdbench-baseline", "base")
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


@pytest.mark.slow
def test_a_test_of_the_users_fails_with_the_sentences_of_the_verdict(user: Path) -> None:
    shrink_the_baseline(user)
    done = run_pytest(user, "--kdbench-baseline", "base")
    assert done.returncode == 1
    assert "AssertionError: Regression: tiny" in done.stdout
    assert "parameters regressed:" in done.stdout
    assert (
        "hence --force: kdbench run tiny.toml && kdbench baseline tiny.toml --to base --replace --force" in done.stdout
    )


def test_without_a_baseline_the_fixture_skips(tmp_path: Path) -> None:
    (tmp_path / "test_model.py").write_text(TEST)
    done = run_pytest(tmp_path, "-rs")
    assert done.returncode == 0
    assert "no baseline was given: --kdbench-baseline DIR" in done.stdout


def test_the_plugin_is_declared_and_imports_nothing_heavy() -> None:
    assert (
        '[project.entry-points.pytest11]\nkdbench = "kdbench.pytest_plugin"\n' in (ROOT / "pyproject.toml").read_text()
    )
    code = "import kdbench.pytest_plugin, sys; print(*({'torch', 'numpy', 'pydantic', 'kdbench.api'} & {*sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_every_check_is_kept_and_shown_by_history(user: Path) -> None:
    kdbench("check", "tiny.toml", "--baseline", "base", at=user)
    kdbench("check", "tiny.toml", "--baseline", "base", "--checks", "elsewhere", at=user)
    (kept,) = (user / "results/checks/tiny").glob("*.json")
    assert {figure["kind"] for figure in json.loads(kept.read_text())["figures"]} >= {"top1", "parameters"}
    assert len([*(user / "elsewhere/tiny").glob("*.json")]) == 1
    told = kdbench("history", "tiny.toml", at=user).stdout
    assert told.startswith("1 check of 'tiny', ")


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


def run_script(script: str, folder: Path, *argv: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """As a CI service runs it, with this kdbench on the path."""
    shims = folder / "shims"
    shims.mkdir(exist_ok=True)
    for name, command in (("kdbench", "-m kdbench"), ("python", "")):
        (shims / name).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {command} "$@"\n')
        (shims / name).chmod(0o755)
    python_path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    settings = {"PATH": f"{shims}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": python_path, **variables}
    command = ["bash", "-eo", "pipefail", "-c", script, "script", *argv]
    return subprocess.run(
        command, cwd=folder, env=os.environ | settings, capture_output=True, text=True, timeout=300, check=False
    )


def steps() -> dict[str, dict[str, Any]]:
    """The action's own steps by their ids."""
    return {step["id"]: step for step in read("action.yml")["runs"]["steps"] if "run" in step}


@pytest.mark.parametrize(("worse", "code"), [pytest.param(False, 0, marks=pytest.mark.slow), (True, 3)])
def test_the_action_checks_and_fills_the_page_of_the_job(user: Path, worse: bool, code: int) -> None:
    if worse:
        shrink_the_baseline(user)
    page, outputs = user / "summary", user / "outputs"
    github = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(page), "GITHUB_OUTPUT": str(outputs)}
    inputs = {"SUITE": "tiny.toml", "BASELINE": "base", "OPTIONS": "--workers 1"}
    done = run_script(steps()["check"]["run"], user, **github, **inputs)
    assert done.returncode == code, done.stderr
    assert outputs.read_text() == f"exit-code={code}\n"
    verdict, summary = page.read_text(), (user / "kdbench-reports/tiny/summary.md").read_text()
    assert verdict.startswith("## Regression: tiny" if worse else "## No regression: tiny")
    assert verdict.endswith(f"\n\n## Report: tiny\n\n{summary}")
    assert ("::error file=tiny.toml,title=parameters regressed::" in done.stderr) == worse
    assert "::" not in done.stdout


def test_the_action_names_its_cache_by_the_packages_that_train(tmp_path: Path) -> None:
    done = run_script(steps()["install"]["run"], tmp_path, INSTALL="", GITHUB_OUTPUT=str(tmp_path / "outputs"))
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"packages=[0-9a-f]{16}\n", (tmp_path / "outputs").read_text())
    caches = [
        step["with"]["key"] for step in read("action.yml")["runs"]["steps"] if "actions/cache" in step.get("uses", "")
    ]
    assert len(caches) == 2
    assert caches[0] == caches[1]
    assert "steps.install.outputs.packages" in caches[0]


def test_no_input_is_written_into_a_script() -> None:
    """A suite's name with a command in it would be run."""
    for step in steps().values():
        assert "${{" not in step["run"]
        assert all(value.startswith("${{ inputs.") for value in step["env"].values())


def test_the_workflow_gives_the_action_what_it_takes() -> None:
    (job,) = read("ci/github.yml")["jobs"].values()
    given = job["steps"][-1]["with"]
    inputs = read("action.yml")["inputs"]
    assert given.keys() <= inputs.keys()
    assert {name for name, each in inputs.items() if each.get("required")} <= given.keys()


@pytest.mark.slow
def test_the_job_for_gitlab_writes_its_test_cases(user: Path) -> None:
    shrink_the_baseline(user)
    job = read("ci/gitlab.yml")["kdbench"]
    given = {"SUITE": "tiny.toml", "BASELINE": "base", "OPTIONS": "--workers 1 --no-latency"}
    assert given.keys() == job["variables"].keys()
    done = run_script("\n".join(job["script"]), user, **given)
    assert done.returncode == 3, done.stderr
    (page,) = user.glob(job["artifacts"]["reports"]["junit"])
    assert ElementTree.parse(page).getroot().findall(".//failure")


@pytest.mark.slow
def test_the_hooks_of_pre_commit(user: Path) -> None:
    hooks = {hook["id"]: hook for hook in read(".pre-commit-hooks.yaml")}
    (user / "bad.toml").write_text('name = "bad"\n')
    plan = hooks["kdbench-plan"]["entry"]
    (user / "ours.py").write_text("")
    assert run_script(f'{plan} "$@"', user, "-p", "ours", "tiny.toml", "tiny.toml").returncode == 0
    refused = run_script(f'{plan} "$@"', user, "bad.toml", "tiny.toml")
    assert refused.returncode == 2
    assert "bad.toml" in refused.stderr
    check = run_script(f'{hooks["kdbench-check"]["entry"]} "$@"', user, "tiny.toml", "--baseline", "missing")
    assert check.returncode == 5


def test_the_page_on_ci_names_what_there_is() -> None:
    page = (ROOT / "docs/ci.md").read_text()
    links = re.findall(r"\]\(\.\./([^)#]+)[^)]*\)", page)
    assert {"action.yml", "ci/github.yml", "ci/gitlab.yml"} <= {*links}
    assert all((ROOT / link.partition("#")[0]).is_file() for link in links)
    told = {hook["id"] for hook in read(".pre-commit-hooks.yaml")}
    assert told == {*re.findall(r"- id: ([\w-]+)", page)}
