"""The table of runs of the selftest: a row for each rule and truth, two columns for each run."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import harness
from benchmarks.selftest import circumstances, verdicts
from kdbench.results.selftest import SelfTest
from tests.results.test_selftest import judged

MACHINE = {"cpu": "a processor", "load_average": [0.25, 1.0, 2.0], "kdbench_commit": "abc"}


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the runs are stored."""
    monkeypatch.setattr(harness, "FOLDER", tmp_path)
    return tmp_path / "selftest.json"


def run(busy: int, **changes: object) -> dict[str, Any]:
    rows = (judged(trials=300, failed=0, **changes), judged(ours=False, rule="asv compare", trials=38, undecided=0))
    found = SelfTest(judged=rows, busy=busy, seconds=1500.0, machine=MACHINE, finished="2026")
    return found.model_dump(mode="json")


def test_runs_stand_side_by_side(runs: Path) -> None:
    runs.write_text(json.dumps([run(0, effort=5.04, observed=1.0012, undecided=0), run(2, effort=11.25)]), "utf-8")
    # One-sided 95 % bounds of Clopper and Pearson: of 0 in 300 1 - .05^(1/300), of 3 in 38 .1919.
    assert verdicts({}).splitlines() == [
        "| verdicts of | truth | goal | wrong, alone | effort | wrong, beside 2 busy processes | effort |",
        "|---|---|---:|---|---|---|---|",
        "| kdbench check | the same work | ≤ 1 % | 0 of 300 (≤ 1.0 %) | 5.0 rounds "
        "| 0 of 300 (≤ 1.0 %), 4 undecided | 11.2 rounds |",
        "| asv compare | the same work | - | 3 of 38 (≤ 19.2 %) | - | 3 of 38 (≤ 19.2 %) | - |",
    ]
    first, *_ = circumstances({}).splitlines()
    assert first.startswith("- *Alone*: 25 min on a processor, load average 0.2 before, kdbench at commit abc.")


def test_what_a_run_did_not_try_is_told(runs: Path) -> None:
    second = run(1)
    second["judged"] = second["judged"][:1]
    runs.write_text(json.dumps([run(0), second]), "utf-8")
    assert verdicts({}).splitlines()[-1].endswith("| 3 of 38 (≤ 19.2 %) | - | not tried | - |")


def test_without_a_run_there_is_no_table(runs: Path) -> None:
    assert not runs.exists()
    assert verdicts({}) == circumstances({}) == ""
