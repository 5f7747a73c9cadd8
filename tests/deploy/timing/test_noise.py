"""Counters of what else went on: how much they grew, and null where the machine has none."""

import json
import os
import time
from types import SimpleNamespace

import pytest

from kdbench.deploy.timing import noise
from kdbench.deploy.timing.noise import Noise


def test_counters_grow_by_what_was_done() -> None:
    counters = Noise("cpu")
    start = time.process_time()
    while time.process_time() < start + 0.2:  # of this process, whatever else is busy
        pass
    worked = counters.since()
    time.sleep(0.2)
    slept = counters.since()
    json.dumps(worked, allow_nan=False)
    assert 0.2 <= worked["wall_seconds"] < slept["wall_seconds"] - 0.19
    assert 0.2 <= worked["cpu_seconds"] <= worked["wall_seconds"] + 0.05
    assert slept["cpu_seconds"] < worked["cpu_seconds"] + 0.1
    assert worked["involuntary_context_switches"] >= 0
    assert worked["load_average"] == pytest.approx(os.getloadavg(), abs=5)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("some avg10=1.00 avg60=0.50 avg300=0.10 total=2500000\nfull avg10=0.00 total=7\n", 2.5),
        ("full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n", None),
        ("some avg10=0.00 total=\n", None),
        ("", None),
        (None, None),
    ],
)
def test_pressure_is_the_total_of_some_tasks(monkeypatch, text: str | None, seconds: float | None) -> None:
    def read_text(encoding: str) -> str:
        if text is None:
            raise FileNotFoundError
        return text

    monkeypatch.setattr(noise, "Path", lambda path: SimpleNamespace(read_text=read_text))
    assert noise._pressure() == seconds


def test_a_counter_that_the_machine_lacks_is_null(monkeypatch) -> None:
    monkeypatch.setattr(noise, "_pressure", lambda: None)
    monkeypatch.setattr(noise.psutil, "cpu_times", lambda: SimpleNamespace(user=1.0))
    told = Noise("cpu").since()
    assert told["cpu_pressure_seconds"] is None
    assert told["steal_seconds"] is None


def test_a_counter_that_comes_late_is_null(monkeypatch) -> None:
    found = iter([None, 4.0, 5.0])
    monkeypatch.setattr(noise, "_pressure", lambda: next(found))
    counters = Noise("cpu")
    assert counters.since()["cpu_pressure_seconds"] is None


@pytest.mark.parametrize(
    ("provider", "told"), [("cpu", False), ("openvino", False), ("cuda", True), ("tensorrt", True)]
)
def test_a_gpus_state_is_told_at_both_ends_where_one_is_used(monkeypatch, provider: str, told: bool) -> None:
    states = iter([{"clock": 1}, {"clock": 2}])
    monkeypatch.setattr(noise, "gpu_state", lambda: next(states))
    found = Noise(provider).since()
    assert found.get("gpu") == ({"before": {"clock": 1}, "after": {"clock": 2}} if told else None)
