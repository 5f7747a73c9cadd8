"""`kdbench runs`"""

import json
from pathlib import Path

import pytest

from kdbench.cli.failure import run_guarded
from kdbench.cli.records.runs import command
from kdbench.results import Outcome, Store
from tests.records import Shape, make_results


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A run of everything with two failures, and one of a part."""
    failed = Outcome(status="failed", reason="diverged")
    outcomes = {("big -> small", "kd", seed): failed for seed in (0, 1)}
    run = make_results(Shape(losses=("cross_entropy", "kd"), seeds=2, outcomes=outcomes)).run
    store = Store(tmp_path)
    store.write_run(run.model_copy(update={"run_id": "b", "command": "kdbench run my.toml"}))
    store.write_run(run.model_copy(update={"run_id": "c", "name": f"{run.name}@seeds=1"}))
    return tmp_path


def said(results: Path, *argv: str, capsys: pytest.CaptureFixture[str], code: int = 0) -> str:
    assert run_guarded(command, ["example", "--results", str(results), *argv]) == code
    found = capsys.readouterr()
    return found.out if code == 0 else found.err


def test_a_line_a_run(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(results, capsys=capsys).splitlines() == [
        "b  3 done, 2 failed; 2.1 min  kdbench run my.toml  all of it",
        "c  3 done, 2 failed; 2.1 min  kdbench run example@seeds=1  seeds=1",
    ]


def test_as_json(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = json.loads(said(results, "--json", capsys=capsys))
    assert (first["run"], first["part"], first["done"], first["failed"]) == ("b", "", 3, 2)
    assert (second["suite"], second["part"]) == ("example@seeds=1", "seeds=1")


def test_a_suite_that_never_ran(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "run it first: kdbench run SUITE.toml" in said(tmp_path, capsys=capsys, code=2)
