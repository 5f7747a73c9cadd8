"""What a worker process says while it carries out a job, and why a job may have no answer."""

from pydantic import TypeAdapter

from kdbench.spec import Problem, Record
from kdbench.spec.choice import Several


class EpochFinished(Record):
    """A trial has finished an epoch; epoch 0: it starts. Top-1 on validation, 0 to 1."""

    key: str
    epoch: int
    train_loss: float | None
    top1: float


class Noted(Record):
    """Something did not go as asked, and what is done instead."""

    text: str
    traceback: str | None = None


class Alive(Record):
    """A job goes on, and may be quiet for so many seconds more than usual. Not told further than to its parent."""

    quiet: float


class Crashed(Record):
    """A job did not come to its end: an exception, or a process that died or took too long."""

    reason: str
    killed: bool = False  # by SIGKILL, as a system does that is out of memory
    traceback: str | None = None


class Refused(Record):
    """A job found that the user's input is bad: the problems of a `UserError`."""

    problems: Several[Problem]


class Fault(Record):
    """The machine has a fault that every further job would meet: the number of an `OSError`, and its file if known."""

    number: int
    file: str | None


Progress = EpochFinished | Noted
Failure = Crashed | Refused | Fault
PROGRESS: TypeAdapter[Progress] = TypeAdapter(Progress)
FAILURE: TypeAdapter[Failure] = TypeAdapter(Failure)
