"""Jobs of the tests, in a module that worker processes can import."""

import errno
import os
import signal
import sys
import time
from collections.abc import Generator, Iterator
from typing import ClassVar, Literal

from kdbench.execute.workers.job import Job, NoAnswer, OwnProcess
from kdbench.execute.workers.messages import EpochFinished, Noted
from kdbench.spec import Record, UserError
from kdbench.spec.choice import Several
from kdbench.spec.pulse import beat

HERE = "tests.execute.workers.jobs"


class Counted(Record):
    upto: int


class Count(Job[Counted]):
    """An epoch for each number, then the answer."""

    function: ClassVar[str] = f"{HERE}:count"
    name: str
    upto: int


def count(job: Count) -> Generator[EpochFinished, None, Counted]:
    print("a library that prints")  # must not end up between the lines
    os.write(1, b"as one in C would")
    for epoch in range(job.upto):
        yield EpochFinished(key=job.name, epoch=epoch, train_loss=None, top1=0.5)
    return Counted(upto=job.upto)


class Misbehave(Job[Counted]):
    function: ClassVar[str] = f"{HERE}:misbehave"
    how: Literal["not", "raise", "refuse", "no answer", "another answer", "full", "read", "die", "exit", "garble"]


def misbehave(job: Misbehave) -> Generator[Noted, None, Record]:
    yield Noted(text="it begins")
    match job.how:
        case "raise":
            raise ValueError("seven")
        case "refuse":
            raise UserError("no such thing", help="look elsewhere")
        case "full":
            raise OSError(errno.ENOSPC, "no room", "results/trials/x")
        case "read":
            raise OSError(errno.EIO, "a bad sector", "results/trials/x")
        case "no answer":
            raise NoAnswer("this machine has no such thing")
        case "another answer":
            return Noted(text="not what was asked")
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            os.write(2, b"earlier words\nlast words\n")
            os._exit(3)
        case "garble":
            for descriptor in range(3, 20):  # one of them is what its parent reads
                try:
                    os.write(descriptor, b"Hello\n")
                except OSError:
                    continue
    return Counted(upto=0)


class ProcessFacts(Record):
    pid: int
    environment: dict[str, str]
    modules: Several[str]


class Describe(Job[ProcessFacts]):
    """Facts of the process in which it is carried out."""

    function: ClassVar[str] = f"{HERE}:describe"
    seconds: float = 0.0


class DescribeOwn(Describe):
    own_process: ClassVar[OwnProcess | None] = OwnProcess(variables={"OMP_NUM_THREADS": "7"}, seconds=60.0)


def describe(job: Describe) -> ProcessFacts:
    time.sleep(job.seconds)
    return ProcessFacts(pid=os.getpid(), environment=dict(os.environ), modules=tuple(sys.modules))


class Wait(Job[Counted]):
    """Says its process's number, and does not come to an end."""

    function: ClassVar[str] = f"{HERE}:wait"


def wait(job: Wait) -> Iterator[Noted]:
    yield Noted(text=str(os.getpid()))
    while True:
        time.sleep(60)


class Hang(Job[Counted]):
    """Likewise; its process is ended after two seconds."""

    function: ClassVar[str] = f"{HERE}:hang"
    own_process: ClassVar[OwnProcess | None] = OwnProcess(variables={}, seconds=2.0)


def hang(job: Hang) -> Iterator[Noted]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as native code does that never returns to Python
    yield from wait(Wait())


class Work(Job[Counted]):
    """So many seconds of work, with a sign of life every fifth of one."""

    function: ClassVar[str] = f"{HERE}:work"
    seconds: float
    quiet: float = 0.0


def work(job: Work) -> Counted:
    end = time.monotonic() + job.seconds
    while time.monotonic() < end:
        beat(job.quiet)
        time.sleep(0.2 if not job.quiet else job.seconds)
    return Counted(upto=1)


class Stop(Job[Counted]):
    """Its process is stopped, as by Ctrl-Z."""

    function: ClassVar[str] = f"{HERE}:stop"


def stop(job: Stop) -> Counted:
    os.kill(os.getpid(), signal.SIGSTOP)
    return Counted(upto=0)


class DieAlone(Job[Counted]):
    """Its process is its own, and is killed."""

    function: ClassVar[str] = f"{HERE}:die_alone"
    own_process: ClassVar[OwnProcess | None] = OwnProcess(variables={}, seconds=60.0)


def die_alone(job: DieAlone) -> Counted:
    os.kill(os.getpid(), signal.SIGKILL)
    return Counted(upto=0)
