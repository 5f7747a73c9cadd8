"""`kdbench logs`: a trial that is done, one that failed, one that only a run tells of."""

import json
from pathlib import Path

import pytest

from kdbench.cli.failure import run_guarded
from kdbench.cli.records.logs import command
from kdbench.results import FailureRecord, Outcome, Store
from tests.records import Shape, make_results
from tests.stored import store_results

RESULTS = make_results(Shape(losses=("kd",), seeds=1))
(KEY,) = [entry.key for entry in RESULTS.run.entries if entry.role == "student"]
FAILED = FailureRecord(
    key="f" * 16,
    status="failed",
    reason="diverged: loss is nan",
    traceback="Traceback:\n  here",
    repeats=True,
    device="cpu",
    machine={},
    finished="2026-01-02",
)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    skipped = {"5" * 16: Outcome(status="skipped", reason="it has no such layer")}
    store = store_results(tmp_path, RESULTS, outcomes=RESULTS.run.outcomes | skipped)
    store.write(Store.FAILURES, FAILED.key, FAILED)
    return tmp_path


def logs(store: Path, *argv: str) -> int:
    return run_guarded(command, [*argv, "--results", str(store)])


def test_a_trial_that_is_done_shows_its_curve(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert logs(store, KEY[:6]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [f"trial {KEY}", "  example: big -> small, kd, small, seed 0"]
    record = RESULTS.records[KEY]
    (kept,) = [line for line in lines if line.endswith("<- kept")]
    assert kept.split()[0] == str(record.selected_epoch)
    assert f"{100 * record.validation_top1:.2f} %" in kept
    assert sum(line.strip()[:1].isdigit() for line in lines) == len(record.curve)
    assert f"stopped by {record.stopped}; record and weights: {store / 'trials' / KEY}" in lines


def test_a_failure_shows_its_reason_and_traceback(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert logs(store, "ffff") == 0
    assert capsys.readouterr().out.splitlines() == [
        "trial ffffffffffffffff",
        "",
        "failed 2026-01-02 on cpu: diverged: loss is nan (it would end so again)",
        "Traceback:",
        "  here",
    ]


def test_what_only_a_run_tells_of(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert logs(store, "5555") == 0
    assert f"skipped in run {RESULTS.run.run_id}: it has no such layer" in capsys.readouterr().out


def test_the_same_as_json(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert logs(store, KEY, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["trial"]["key"] == found["key"] == KEY
    assert [row["suite"] for row in found["rows"]] == ["example"]
    assert found["failure"] is None


@pytest.mark.parametrize("key", ["0", KEY[:3], "abcdabcd"])
def test_a_key_of_no_trial_or_of_too_few_characters(store: Path, key: str, capsys) -> None:
    assert logs(store, key) == 2
    assert f"no trial in '{store}' has the key '{key}'" in capsys.readouterr().err
