import json
import os

import psutil
import pytest

from kdbench.results import machine_facts, machine_fingerprint
from kdbench.results.machine import facts as environment
from kdbench.results.machine.facts import affinity, source_hash, timing_cores, usable_cores


def test_facts_are_json_and_say_what_the_machine_is() -> None:
    facts = machine_facts()
    json.dumps(facts, allow_nan=False)
    assert facts["memory_bytes"] == psutil.virtual_memory().total
    assert facts["affinity"] == sorted(os.sched_getaffinity(0))
    versions = facts["versions"]
    assert isinstance(versions, dict)
    assert versions["torch"]
    assert versions["onnxruntime"] or versions["onnxruntime-gpu"]


def test_the_fingerprint_does_not_move_with_the_load() -> None:
    assert machine_fingerprint() == machine_fingerprint()


def test_the_source_hash_tells_one_code_from_another() -> None:
    assert len(source_hash()) == 16
    assert machine_facts()["kdbench_source"] == source_hash()


def test_no_path_of_the_machine_gets_into_a_record() -> None:
    from pathlib import Path

    text = json.dumps(machine_facts())
    assert str(Path.home()) not in text
    assert str(Path.cwd()) not in text


def test_the_cores_that_can_be_timed_are_in_the_facts() -> None:
    assert machine_facts()["timing_cores"] == timing_cores()
    assert 1 <= timing_cores() <= usable_cores() <= len(affinity())


@pytest.mark.parametrize(
    ("allowed", "quota", "physical", "expected"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7], "max 100000", 4, 4),  # two threads a core
        ([0, 1], "max 100000", 4, 2),  # bound to two of them
        ([0, 1, 2, 3, 4, 5, 6, 7], "150000 100000", 4, 2),  # a container's quota of 1.5 cores
        ([0], "10000 100000", 4, 1),
        ([0, 1, 2], "max 100000", None, 3),  # nobody knows how many there are
    ],
)
def test_cores_are_physical_ones_that_may_be_used(
    monkeypatch: pytest.MonkeyPatch, allowed: list[int], quota: str, physical: int | None, expected: int
) -> None:
    monkeypatch.setattr(environment, "affinity", lambda: allowed)
    monkeypatch.setattr(environment, "_text", lambda path: quota if path.endswith("cpu.max") else None)
    monkeypatch.setattr(psutil, "cpu_count", lambda logical: physical)
    assert timing_cores() == expected
