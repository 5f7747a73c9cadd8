"""Executors: the same messages inline and from processes; a dead process fails its job alone."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kdbench.execute.workers.executors import Executor, Inline, Subprocesses
from kdbench.execute.workers.messages import Crashed, EpochFinished, Message, Refused
from kdbench.spec import UserError

HERE = "tests.execute.workers.test_executors"


def count(item: dict[str, int]) -> Iterator[Message]:
    print("a library that prints")  # must not end up between the messages
    for epoch in range(item["upto"]):
        yield EpochFinished(key=str(item["name"]), epoch=epoch, train_loss=None, top1=0.5)


def misbehave(item: dict[str, str]) -> Iterator[Message]:
    yield EpochFinished(key="x", epoch=0, train_loss=None, top1=0.0)
    match item["how"]:
        case "raise":
            raise ValueError("seven")
        case "refuse":
            raise UserError("no such thing", help="look elsewhere")
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            os.write(2, b"last words\n")
            os._exit(3)


def pid(item: dict[str, object]) -> Iterator[Message]:
    time.sleep(0.2)
    yield Crashed(reason=str(os.getpid()))


@pytest.fixture(params=["inline", "subprocesses"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    made: Executor = Inline() if request.param == "inline" else Subprocesses(2)
    yield made
    made.close()


def test_every_message_comes_with_its_item_in_order(executor: Executor) -> None:
    items = [{"name": n, "upto": 3} for n in range(5)]
    seen: dict[int, list[int]] = {}
    for item, message in executor.map(f"{HERE}:count", items):
        assert isinstance(message, EpochFinished)
        assert message.key == str(item["name"])
        seen.setdefault(item["name"], []).append(message.epoch)
    assert seen == {n: [0, 1, 2] for n in range(5)}


def test_exceptions_become_messages(executor: Executor) -> None:
    found = [m for _, m in executor.map(f"{HERE}:misbehave", [{"how": "raise"}, {"how": "refuse"}])]
    crashed = next(m for m in found if isinstance(m, Crashed))
    assert crashed.reason == "ValueError: seven"
    assert "misbehave" in (crashed.traceback or "")
    refused = next(m for m in found if isinstance(m, Refused))
    assert refused.problems[0].help == "look elsewhere"


def test_a_process_that_dies_fails_its_job_alone() -> None:
    executor = Subprocesses(1)
    items = [{"how": "die"}, {"how": "none"}, {"how": "exit"}, {"how": "none"}]
    found = [(item["how"], message) for item, message in executor.map(f"{HERE}:misbehave", items)]
    executor.close()
    crashes = {how: m.reason for how, m in found if isinstance(m, Crashed)}
    assert crashes == {
        "die": "its process died: signal 9 (out of memory?)",
        "exit": "its process died: exit code 3: last words",
    }
    assert sum(how == "none" for how, _ in found) == 2


def test_processes_are_kept_and_replaced_where_they_died_idle() -> None:
    executor = Subprocesses(2)

    def pids(jobs: int) -> set[str]:
        return {m.reason for _, m in executor.map(f"{HERE}:pid", [{}] * jobs) if isinstance(m, Crashed)}

    first = pids(4)
    assert len(first) == 2
    assert pids(2) == first
    os.kill(int(min(first)), signal.SIGKILL)
    time.sleep(0.2)
    assert len(pids(2) & first) == 1
    executor.close()
    assert all(not Path(f"/proc/{number}").exists() for number in first)


def test_leaving_early_stops_what_runs() -> None:
    executor = Subprocesses(1)
    messages = executor.map(f"{HERE}:pid", [{}, {}])
    _, message = next(messages)
    assert isinstance(message, Crashed)
    messages.close()
    assert not Path(f"/proc/{message.reason}").exists()
