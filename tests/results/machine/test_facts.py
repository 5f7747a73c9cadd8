import json
from pathlib import Path

import psutil
import pytest

from kdbench.results import machine_facts, machine_fingerprint
from kdbench.results.machine import facts as module
from kdbench.results.machine.asking import Unknown
from kdbench.results.machine.facts import affinity, timing_cores, usable_cores
from kdbench.results.machine.processor import instruction_set
from kdbench.results.machine.software import source_hash
from tests.results.machine.machines import M2, ZEN3, ZEN4, linux, macos, no_counts


def test_facts_are_json_and_say_what_the_machine_is() -> None:
    facts = machine_facts()
    json.dumps(facts, allow_nan=False)
    assert facts["memory_bytes"] == psutil.virtual_memory().total
    assert facts["affinity"] == affinity()
    assert tuple(facts["instruction_set"]) == (instruction_set() or ())
    assert facts["kdbench_source"] == source_hash()
    versions = facts["versions"]
    assert isinstance(versions, dict)
    assert versions["torch"]
    assert versions["onnxruntime"] or versions["onnxruntime-gpu"]


def test_what_is_none_has_its_reason_and_nothing_else_has() -> None:
    facts = machine_facts()
    assert set(facts["unknown"]) == {name for name, value in facts.items() if value is None}


def test_a_mac_tells_what_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    macos(monkeypatch, M2)
    no_counts(monkeypatch)
    facts = machine_facts()
    json.dumps(facts, allow_nan=False)
    assert (facts["cpu"], facts["physical_cores"], facts["governor"], facts["load_average"]) == (
        "Apple M2",
        None,
        None,
        None,
    )
    assert facts["instruction_set"] == ["asimd", "bf16", "dotprod", "fp16", "i8mm"]
    assert affinity() == list(range(len(affinity())))
    unknown = facts["unknown"]
    assert unknown["governor"].endswith("scaling_governor: No such file or directory")
    assert unknown["load_average"] == "the system keeps no load average"
    assert unknown["physical_cores"] == "psutil cannot count them here"
    assert unknown["hypervisor"] == "/proc/cpuinfo: No such file or directory"


def test_the_fingerprint_does_not_move_with_the_load() -> None:
    assert machine_fingerprint() == machine_fingerprint()


def test_processors_of_one_name_and_other_instructions_are_different_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    found = set()
    for cpuinfo in (ZEN3, ZEN4, ZEN4.replace("AMD EPYC 9654", "AMD EPYC 7763")):
        linux(monkeypatch, cpuinfo)
        found.add(machine_fingerprint())
    assert len(found) == 3


def test_no_path_of_the_machine_gets_into_a_record() -> None:
    text = json.dumps(machine_facts())
    assert str(Path.home()) + "/" not in text
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
        ([0, 1, 2], None, 8, 3),  # no control groups: macOS, or Linux at its root
    ],
)
def test_cores_are_physical_ones_that_may_be_used(
    monkeypatch: pytest.MonkeyPatch, allowed: list[int], quota: str | None, physical: int | None, expected: int
) -> None:
    def read_file(path: str) -> str:
        if quota is None:
            raise Unknown("no such file")
        return quota

    monkeypatch.setattr(module, "affinity", lambda: allowed)
    monkeypatch.setattr(module, "read_file", read_file)
    monkeypatch.setattr(psutil, "cpu_count", lambda logical: physical)
    assert timing_cores() == expected
