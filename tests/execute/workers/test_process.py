"""The environment variables of worker processes."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kdbench.execute.workers.executors import Subprocesses
from kdbench.execute.workers.process import WORKER_ENVIRONMENT, WorkerProcess
from tests.execute.workers.jobs import Describe, DescribeOwn, ProcessFacts, Wait


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


def test_a_worker_ends_with_its_parent_in_the_middle_of_a_job() -> None:
    """A parent that is killed closes no process: its end of their stdin is all that goes."""
    worker = WorkerProcess()
    worker.take(Wait(), 0)
    time.sleep(0.5)  # it may have begun or not: both must do
    worker._stdin.close()
    assert worker._process.wait(timeout=60) == 143
    worker._stdout.close()


def test_modules_of_the_working_directory_are_not_run(
    executor: Subprocesses, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("random", "queue", "torch", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('run')")
    monkeypatch.chdir(tmp_path)
    assert facts(executor, Describe()).modules
