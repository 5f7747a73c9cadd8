"""Jobs, and what is said of them, as lines of text between two processes: a word, a space, a record as JSON."""

import json
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from kdbench.execute.workers.job import Answer, Job, find
from kdbench.execute.workers.messages import FAILURE, PROGRESS, Alive, Failure, Progress
from kdbench.spec import Record


class NotUnderstood(Exception):
    """A line is none of what a worker may say; the text says so."""


def write_job(job: Job[Any]) -> bytes:
    """`module:Class {...}`"""
    kind = type(job)
    return f"{kind.__module__}:{kind.__qualname__} {job.model_dump_json()}\n".encode()


def read_job(line: bytes) -> Job[Any]:
    """The job that `write_job` wrote. Imports the module that defines its class."""
    name, _, content = line.partition(b" ")
    job: Job[Any] = find(name.decode()).model_validate_json(content)
    return job


def write_said(said: Alive | Progress | Failure | Record) -> bytes:
    """`alive {...}`, `progress {...}`, `answer {...}` or `failure {...}`"""
    kinds = (("alive", Alive), ("progress", Progress), ("failure", Failure))
    kind = next((name for name, kind in kinds if isinstance(said, kind)), "answer")
    return f"{kind} {_as_json(said)}\n".encode()


def _as_json(said: Record) -> str:
    """With a `?` for what is not UTF-8, which JSON cannot hold: names of files that messages tell may be anything."""
    try:
        return said.model_dump_json()
    except PydanticSerializationError:
        return json.dumps(said.model_dump(mode="json"), ensure_ascii=False).encode(errors="replace").decode()


def read_said(line: bytes, job: Job[Answer]) -> Alive | Progress | Answer | Failure:
    """What `write_said` wrote of this job. Raises `NotUnderstood`."""
    kind, _, content = line.partition(b" ")
    try:
        match kind:
            case b"alive":
                return Alive.model_validate_json(content)
            case b"progress":
                return PROGRESS.validate_json(content)
            case b"answer":
                return job.answer_type().model_validate_json(content)
            case b"failure":
                return FAILURE.validate_json(content)
    except ValidationError as error:
        raise NotUnderstood(_quoted(line)) from error
    raise NotUnderstood(_quoted(line))


def _quoted(line: bytes) -> str:
    return f"its process answered with something else: {line[:80].decode(errors='replace')!r}"
