"""Executors: the same is said inline and from processes; a process that dies fails its job alone."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from kdbench.execute.workers import process
from kdbench.execute.workers.executors import Executor, Inline, Subprocesses
from kdbench.execute.workers.messages import Crashed, EpochFinished, Noted, Refused
from tests.execute.workers.jobs import (
    Count,
    Counted,
    Describe,
    DescribeOwn,
    Hang,
    Misbehave,
    ProcessFacts,
    Stop,
    Wait,
    Work,
)


@pytest.fixture(params=["inline", "subprocesses"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    made: Executor = Inline() if request.param == "inline" else Subprocesses(2)
    yield made
    made.close()


@pytest.fixture
def two() -> Iterator[Subprocesses]:
    made = Subprocesses(2)
    yield made
    made.close()


def pids(executor: Executor, *jobs: Describe) -> list[int]:
    return [said.pid for _, said in executor.map(jobs) if isinstance(said, ProcessFacts)]


def test_progress_comes_with_its_jobs_position_and_the_answer_last(executor: Executor) -> None:
    said: dict[int, list[object]] = {}
    for position, each in executor.map([Count(name=str(n), upto=3) for n in range(5)]):
        said.setdefault(position, []).append(each)
    assert said == {
        n: [EpochFinished(key=str(n), epoch=epoch, train_loss=None, top1=0.5) for epoch in range(3)] + [Counted(upto=3)]
        for n in range(5)
    }


def test_exceptions_become_failures(executor: Executor) -> None:
    jobs = [Misbehave(how="raise"), Misbehave(how="refuse"), Misbehave(how="no answer")]
    last = dict(executor.map(jobs))
    assert isinstance(last[0], Crashed)
    assert last[0].reason == "ValueError: seven"
    assert "misbehave" in (last[0].traceback or "")
    assert isinstance(last[1], Refused)
    assert last[1].problems[0].help == "look elsewhere"
    assert last[2] == Crashed(reason="this machine has no such thing")


def test_a_process_that_dies_fails_its_job_alone() -> None:
    executor = Subprocesses(1)
    jobs = [Misbehave(how=how) for how in ("die", "not", "exit", "garble", "not")]
    found = list(executor.map(jobs))
    executor.close()
    assert [said for _, said in found if not isinstance(said, Noted)] == [
        Crashed(reason="its process was killed by SIGKILL (out of memory?)", killed=True),
        Counted(upto=0),
        Crashed(reason="its process ended with exit code 3: last words"),
        Crashed(reason="its process answered with something else: 'Hello'"),
        Counted(upto=0),
    ]
    assert [position for position, said in found if isinstance(said, Noted)] == [0, 1, 2, 3, 4]


def test_processes_are_kept_and_replaced_where_they_died_idle(two: Subprocesses) -> None:
    slow = Describe(seconds=0.2)
    first = set(pids(two, *[slow] * 4))
    assert len(first) == 2
    assert set(pids(two, slow, slow)) == first
    os.kill(min(first), signal.SIGKILL)
    os.waitid(os.P_PID, min(first), os.WEXITED | os.WNOWAIT)  # it is dead, and its parent has not yet noticed
    assert len(set(pids(two, slow, slow)) & first) == 1
    two.close()
    assert all(not Path(f"/proc/{pid}").exists() for pid in first)


def test_no_more_jobs_run_at_once_than_are_wanted(two: Subprocesses) -> None:
    assert len({said.pid for _, said in two.map([Describe()] * 3, at_once=1) if isinstance(said, ProcessFacts)}) == 1


def test_a_process_of_its_own_does_one_job_and_is_gone(executor: Executor) -> None:
    (kept,) = pids(executor, Describe())
    own = pids(executor, DescribeOwn(), DescribeOwn())
    assert len({kept, *own}) == 3
    assert not any(Path(f"/proc/{pid}").exists() for pid in own)
    assert pids(executor, Describe()) == [kept]


def test_a_job_that_takes_too_long_is_ended_and_the_others_go_on(executor: Executor) -> None:
    found = list(executor.map([Hang(), Count(name="x", upto=1), Hang()]))
    last = dict(found)
    assert all(last[n].reason.startswith("its process did not end within 2 seconds") for n in (0, 2))
    assert last[1] == Counted(upto=1)
    hung = [said.text for _, said in found if isinstance(said, Noted)]
    assert not any(Path(f"/proc/{pid}").exists() for pid in hung)


def test_a_job_without_a_sign_of_life_hangs_and_is_ended_with_its_last_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    executor = Subprocesses(4)
    assert len(set(pids(executor, *[Describe()] * 4))) == 4  # they have started, however long that takes
    monkeypatch.setattr(process, "PATIENCE", 5.0)
    monkeypatch.setattr(process, "GROWTH", 0.0)
    found = list(executor.map([Wait(), Stop(), Work(seconds=7.0), Work(seconds=7.0, quiet=60.0)]))
    executor.close()
    hung, stopped, working, quiet = (dict(found)[n] for n in range(4))
    assert (working, quiet) == (Counted(upto=1), Counted(upto=1))
    assert hung.reason.startswith("its process gave no sign of life for 5 seconds, in wait (jobs.py:")
    assert "in run_job" in hung.traceback
    assert stopped == Crashed(reason="its process gave no sign of life for 5 seconds")


def test_leaving_early_stops_what_runs() -> None:
    executor = Subprocesses(1)
    said = executor.map([Wait()])
    _, begun = next(said)
    assert isinstance(begun, Noted)
    said.close()
    assert not Path(f"/proc/{begun.text}").exists()


def test_leaving_early_kills_who_does_not_listen(two: Subprocesses) -> None:
    said = two.map([Hang(), Hang()])
    begun = [event.text for _, event in (next(said), next(said)) if isinstance(event, Noted)]
    said.close()
    assert len(begun) == 2
    assert not any(Path(f"/proc/{pid}").exists() for pid in begun)
