"""What a worker process is asked: a record of typed fields that names the function which carries it out. No torch."""

import errno
import traceback
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar, Generic, TypeVar

from kdbench.execute.workers.messages import Crashed, Failure, Fault, Progress, Refused
from kdbench.spec import Record, UserError

Answer = TypeVar("Answer", bound=Record)
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # they last: whatever is trained next could not be kept either


@dataclass(frozen=True)
class OwnProcess:
    """A process that carries out one job and ends: nothing was imported or allocated in it before."""

    variables: Mapping[str, str]  # of its environment
    seconds: float  # after which it is ended


class Job(Record, Generic[Answer]):
    """A job and, as the type parameter, the record that answers it.

    The function takes the job and returns the answer; a generator may yield `Progress` first. It raises `UserError`
    where the user's input is bad, and `NoAnswer` where there is no answer for a foreseen reason.
    """

    function: ClassVar[str]  # "module:function", so that creating a job imports nothing of what carrying it out needs
    own_process: ClassVar[OwnProcess | None] = None  # none: any process of the pool

    @classmethod
    def answer_type(cls) -> type[Answer]:
        """`Rehearsed` of a `Job[Rehearsed]`."""
        given = (base.__pydantic_generic_metadata__["args"] for base in cls.__mro__ if issubclass(base, Record))
        found: type[Answer] = next(arguments[0] for arguments in given if arguments)
        return found


class NoAnswer(Exception):
    """A job has no answer; the text says why."""


def run_job(job: Job[Answer]) -> Iterator[Progress | Answer | Failure]:
    """Carry out a job in this process: its progress, then its answer or its failure.

    The one place where any exception is caught.
    """
    try:
        returned = find(job.function)(job)
        answer = (yield from returned) if isinstance(returned, Generator) else returned
        if not isinstance(answer, job.answer_type()):
            raise TypeError(f"{job.function} returned {answer!r} instead of a {job.answer_type().__name__}")
    except UserError as error:
        yield Refused(problems=error.problems)
    except NoAnswer as reason:
        yield Crashed(reason=str(reason))
    except Exception as error:
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            yield Fault(number=error.errno, file=str(error.filename) if error.filename else None)
            return
        yield Crashed(reason=f"{type(error).__name__}: {error}", traceback=traceback.format_exc())
    else:
        yield answer


def find(path: str) -> Any:
    """What `module:name` names."""
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
