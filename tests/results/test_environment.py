import json
import os

import psutil

from kdbench.results import environment_facts, machine_fingerprint
from kdbench.results.environment import source_hash


def test_facts_are_json_and_say_what_the_machine_is() -> None:
    facts = environment_facts()
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
    assert environment_facts()["kdbench_source"] == source_hash()


def test_no_path_of_the_machine_gets_into_a_record() -> None:
    from pathlib import Path

    text = json.dumps(environment_facts())
    assert str(Path.home()) not in text
    assert str(Path.cwd()) not in text
