"""`kdbench compare` on made-up runs."""

import json
import shutil
from pathlib import Path

import pytest

from kdbench.cli.failure import run_guarded
from kdbench.cli.records.compare import command
from kdbench.results import Store
from tests.records import Shape, make_results
from tests.stored import store_results

EARLIER, LATER = "20260101T000000.000000Z-aaaa", "20260102T000000.000000Z-bbbb"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Two runs of one suite: 'kd' gains 10 points from the first to the second, which has another torch."""
    for run_id, gain in ((EARLIER, 0.0), (LATER, 0.1)):
        shape = Shape(accuracy=lambda pair, loss, seed, gain=gain: 0.8 + gain * (loss == "kd"))
        results = make_results(shape)
        versions = {**results.run.machine["versions"], "torch": f"2.{round(10 * gain)}"}
        results_folder = tmp_path / run_id
        store_results(results_folder, results, run_id=run_id, machine={**results.run.machine, "versions": versions})
    return tmp_path


def compare(store: Path, *argv: str) -> int:
    where = ["--results", str(store / EARLIER), "--against", str(store / LATER)]
    return run_guarded(command, [*argv, *where])


def test_what_changed_between_two_runs(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare(store, "example", "bbbb") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [f"A: example, run {EARLIER}", f"B: example, run {LATER}"]
    assert lines[lines.index("suite") + 1] == "  the same"
    assert lines[lines.index("packages") + 1] == '  torch  "2.0" -> "2.1"'
    (kd,) = [line for line in lines if " / kd " in line]
    assert "80.00 % -> 90.00 %  +10.00 points" in kd
    (alone,) = [line for line in lines if " / cross_entropy " in line]
    assert "80.00 % -> 80.00 %  0.00 points" in alone


def test_losses_are_compared_within_their_pair(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--results", str(store / LATER), "--json"]
    assert run_guarded(command, ["example:cross_entropy", "example:kd", *where]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["suite"], found["packages"], found["machine"]) == ([], [], [])
    (row,) = found["rows"]
    assert (row["before"]["row"], row["after"]["row"]) == ("cross_entropy", "kd")
    assert round(row["difference"], 4) == 0.1
    assert row["seeds"] == [0, 1, 2]


def test_a_lost_record_is_told(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Store(store / EARLIER).latest_run("example")
    lost = next(entry.key for entry in run.entries if entry.role == "student")
    shutil.rmtree(Store(store / EARLIER).trial_folder(lost))
    assert compare(store, "example", "example") == 0
    (note,) = capsys.readouterr().err.splitlines()
    assert note.startswith(f"note: example: Records of this run are missing in the results folder: trials/{lost}. ")


def test_what_is_not_there_is_said(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare(store, "exampel", "example") == 2
    assert "did you mean 'example'?" in capsys.readouterr().err
    assert compare(store, "example:kdd", "example:kd") == 2
    assert "'example' has no result of 'kdd'\n  help: did you mean 'kd'?" in capsys.readouterr().err


def test_losses_in_several_ways_of_teaching_are_compared_way_by_way(tmp_path: Path, capsys) -> None:
    shape = Shape(losses=("cross_entropy", "kd", "dkd"), teaching=("ensemble", "generations"))
    store_results(tmp_path, make_results(shape))
    assert run_guarded(command, ["example:kd", "example:dkd", "--results", str(tmp_path), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    named = [(row["before"]["row"].partition(", ")[2], row["after"]["row"].partition(", ")[2]) for row in rows]
    assert [before for before, _ in named] == [after for _, after in named]
    assert len(named) == 2
