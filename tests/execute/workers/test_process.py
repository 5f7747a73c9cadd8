"""The environment variables of worker processes."""

from collections.abc import Iterator

import pytest

from kdbench.execute.workers.executors import Subprocesses
from kdbench.execute.workers.process import WORKER_ENVIRONMENT
from tests.execute.workers.jobs import Describe, DescribeOwn, ProcessFacts


@pytest.fixture
def executor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Subprocesses]:
    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    made = Subprocesses(1)
    yield made
    made.close()


def facts(executor: Subprocesses, job: Describe) -> ProcessFacts:
    ((_, said),) = executor.map([job])
    assert isinstance(said, ProcessFacts)
    return said


def test_the_pools_processes_have_one_thread_and_an_allocator_that_keeps_memory(executor: Subprocesses) -> None:
    environment = facts(executor, Describe()).environment
    assert environment["OMP_NUM_THREADS"] == "1"
    assert WORKER_ENVIRONMENT.items() <= environment.items()
    assert environment["PYTHONPATH"].endswith(":/elsewhere")  # behind the folder of kdbench


def test_a_process_of_its_own_has_the_usual_allocator_and_the_jobs_variables(executor: Subprocesses) -> None:
    environment = facts(executor, DescribeOwn()).environment
    assert environment["OMP_NUM_THREADS"] == "7"
    assert not [name for name in environment if name.startswith("MALLOC_")]
    assert environment["PYTHONPATH"].endswith(":/elsewhere")


def test_a_worker_imports_no_torch_of_itself(executor: Subprocesses) -> None:
    assert not {"torch", "onnx", "onnxruntime", "pandas", "scipy"} & set(facts(executor, Describe()).modules)
