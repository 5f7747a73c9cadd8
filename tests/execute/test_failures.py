"""What failed before: remembered by its key, and not begun again where it would end so again."""

from pathlib import Path
from typing import Any

import pytest

from kdbench.execute.events import TrialEnded
from kdbench.execute.failures import remember, would_repeat
from kdbench.results import FailureRecord, Outcome, Store
from kdbench.results.finished import ended
from tests.execute.running import place

MACHINE = {"kdbench_source": "aa", "versions": {"torch": "2"}, "cpu": "one", "gpus": [], "load_average": [1.0]}
KEY = "0" * 16
DIVERGED = TrialEnded(key=KEY, status="failed", reason="diverged", repeats=True)


def test_what_diverged_would_again(tmp_path: Path) -> None:
    here = place(tmp_path)
    remember(DIVERGED, here, MACHINE)
    told = Outcome(status="failed", reason="diverged")
    assert would_repeat([KEY, "f" * 16], here, {**MACHINE, "load_average": [2.0]}) == {KEY: told}
    assert ended([KEY, "f" * 16], here.store) == {KEY: told}


@pytest.mark.parametrize("change", [{"kdbench_source": "bb"}, {"versions": {"torch": "3"}}, {"cpu": "two"}])
def test_other_code_or_another_processor_may_do_better(tmp_path: Path, change: dict[str, Any]) -> None:
    remember(DIVERGED, place(tmp_path), MACHINE)
    assert would_repeat([KEY], place(tmp_path), {**MACHINE, **change}) == {}


def test_another_device_may_do_better(tmp_path: Path) -> None:
    remember(DIVERGED, place(tmp_path), MACHINE)
    assert would_repeat([KEY], place(tmp_path, device="cuda"), MACHINE) == {}


def test_a_crash_is_kept_with_its_traceback_and_tried_again(tmp_path: Path) -> None:
    crashed = TrialEnded(key=KEY, status="failed", reason="no memory", traceback="at line 3")
    remember(crashed, place(tmp_path), MACHINE)
    assert would_repeat([KEY], place(tmp_path), MACHINE) == {}
    record = place(tmp_path).store.read(Store.FAILURES, KEY, FailureRecord)
    assert record
    assert (record.reason, record.traceback, record.device) == ("no memory", "at line 3", "cpu")
    assert record.machine == {"kdbench_source": "aa", "versions": {"torch": "2"}, "cpu": "one", "gpus": []}


def test_what_is_trained_has_not_failed(tmp_path: Path) -> None:
    remember(DIVERGED, place(tmp_path), MACHINE)
    remember(TrialEnded(key=KEY, status="done", top1=0.5), place(tmp_path), MACHINE)
    assert not place(tmp_path).store.has(Store.FAILURES, KEY)
