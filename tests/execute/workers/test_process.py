"""The environment variables of worker processes."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kdbench.execute.workers.executors import Subprocesses
from kdbench.execute.workers.process import GRACE, GROWTH, PATIENCE, WORKER_ENVIRONMENT, WorkerProcess, close_all
from tests.execute.workers.jobs import Describe, DescribeOwn, Hang, ProcessFacts, Wait


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


def test_who_interrupts_the_ending_of_processes_leaves_none() -> None:
    """As a second Ctrl-C does where kdbench is called from Python."""
    deaf = [WorkerProcess(), WorkerProcess()]
    for worker in deaf:
        worker.take(Hang(), 0)
        next(worker.hear())  # it has begun, and no longer heeds SIGTERM

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, GRACE / 5)
    with pytest.raises(KeyboardInterrupt):
        close_all(deaf)
    signal.signal(signal.SIGALRM, before)
    assert [worker._process.wait(timeout=60) for worker in deaf] == [-signal.SIGKILL] * 2
    close_all(deaf)


def test_who_was_quiet_for_long_may_be_so_again() -> None:
    worker = WorkerProcess()
    worker.take(Describe(seconds=0.5), 0)
    assert 0 < worker.seconds_left <= PATIENCE
    list(worker.hear())
    assert worker._patience > PATIENCE + GROWTH * 0.5
    worker.close()


def test_the_temporary_files_of_a_killed_worker_are_gone(executor: Subprocesses) -> None:
    folder = Path(facts(executor, Describe()).environment["TMPDIR"])
    assert folder.is_dir()
    (folder / "half").write_bytes(b"12345")
    executor._idle[0]._process.kill()
    executor.close()
    assert not folder.exists()


def test_a_worker_that_does_not_heed_signals_ends_with_its_parent() -> None:
    worker = WorkerProcess()
    worker.take(Hang(), 0)
    next(worker.hear())
    worker._stdin.close()
    assert worker._process.wait(timeout=60) == 143
    close_all([worker])


def test_modules_of_the_working_directory_are_not_run(
    executor: Subprocesses, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("random", "queue", "torch", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('run')")
    monkeypatch.chdir(tmp_path)
    assert facts(executor, Describe()).modules
