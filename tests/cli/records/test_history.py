"""`kdbench history`"""

import json
from pathlib import Path

import pytest

from kdbench.cli.failure import run_guarded
from kdbench.cli.records.history import command
from kdbench.results.baselines.checks import write_check
from tests.checks import check, creeping, top1


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for each in creeping(60):
        write_check(tmp_path / "checks", each)
    return tmp_path


def test_the_terminal_and_the_pages(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_guarded(command, ["quick", "--results", str(results), "--reports", str(results / "reports")]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("60 checks of 'quick', 2026-01-02 to 2026-03-05: 2 figures worse by more than one check")
    assert told[-2:] == [str(results / f"reports/quick/history.{end}") for end in ("html", "md")]
    assert all(Path(line).is_file() for line in told[-2:])


def test_json_has_every_series(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_guarded(command, ["quick", "--results", str(results), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["suite"], found["checks"]) == ("quick", 60)
    by_kind = {each["kind"]: each for each in found["figures"]}
    assert [by_kind[kind]["beyond"] for kind in ("latency", "parameters", "top1")] == [True, True, False]
    assert [level["commit"] for level in by_kind["parameters"]["levels"]] == [f"{1:012x}", f"{21:012x}"]
    assert len(by_kind["latency"]["points"]) == 60


def test_another_folder_of_checks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_check(tmp_path / "artifact-7/checks", check(1, top1(0.9)))
    argv = ["quick", "--checks", str(tmp_path), "--reports", str(tmp_path / "reports")]
    assert run_guarded(command, argv) == 0
    assert "too few checks: 1 figure" in capsys.readouterr().out
    assert run_guarded(command, ["other", "--checks", str(tmp_path)]) == 2
    assert "no check of suite 'other'" in capsys.readouterr().err
