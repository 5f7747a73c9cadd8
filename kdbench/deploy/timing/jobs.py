"""What is said to the latency worker and what it answers, and the process itself. No torch, on either side."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, JsonValue, TypeAdapter, ValidationError

import kdbench
from kdbench.deploy.runtime.session import BATCH
from kdbench.results.timings import ColdStart, Energy, SlicePair
from kdbench.spec import How, Record
from kdbench.spec.choice import Several

WORKER = (sys.executable, "-m", "kdbench.deploy.timing.latency_worker")
TIMEOUT_SECONDS = 600.0  # the slowest round that is worth waiting for


class ColdJob(Record):
    """Load one file and run it once; `images` is an .npy file [N, C, H, W], float32."""

    job: Literal["cold"] = "cold"
    onnx: str
    images: str
    how: How
    dimensions: Several[str] = (BATCH,)  # names of the batch's


class PairJob(Record):
    """Time two files against each other in `sessions` re-created pairs of sessions of at most `pairs` slice pairs."""

    job: Literal["pair"] = "pair"
    candidate: str
    reference: str
    images: str
    how: How
    dimensions: Several[str] = (BATCH,)  # names of the batch's
    sessions: int
    pairs: int


class EnergyJob(Record):
    """Run one file for so many seconds, and read the counter of energy before and after."""

    job: Literal["energy"] = "energy"
    onnx: str
    images: str
    how: How
    dimensions: Several[str] = (BATCH,)  # names of the batch's
    seconds: float


class Cold(Record):
    """The answer to a `ColdJob`."""

    answer: Literal["cold"] = "cold"
    start: ColdStart


class SessionPairTimed(Record):
    """One pair of sessions of a `PairJob` is done."""

    answer: Literal["session_pair"] = "session_pair"
    pairs: Several[SlicePair]
    calls: int  # of the candidate
    call_microseconds: Several[float]  # of them, evenly thinned


class RoundEnded(Record):
    """All pairs of sessions of a `PairJob` are done."""

    answer: Literal["round"] = "round"
    conditions: dict[str, JsonValue]  # counters of noise, session options, versions


class EnergyRead(Record):
    """The answer to an `EnergyJob`."""

    answer: Literal["energy"] = "energy"
    energy: Energy


class Refused(Record):
    """No figure, and why."""

    answer: Literal["refused"] = "refused"
    reason: str


Job = ColdJob | PairJob | EnergyJob
JOB: TypeAdapter[Job] = TypeAdapter(Annotated[Job, Field(discriminator="job")])
Told = Cold | SessionPairTimed | RoundEnded | EnergyRead
_ANSWER: TypeAdapter[Told | Refused] = TypeAdapter(Annotated[Told | Refused, Field(discriminator="answer")])


class NoAnswer(Exception):
    """The worker refused, died, hung or could not be understood; the text says which."""


def ask_worker(
    job: Job, *, command: Sequence[str] = WORKER, timeout_seconds: float = TIMEOUT_SECONDS
) -> tuple[Told, ...]:
    """Start a worker, give it the job, and wait for all of its answers. Raises `NoAnswer`."""
    try:
        done = subprocess.run(
            command,
            input=job.model_dump_json(),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_seconds,
            env=_environment(),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NoAnswer(f"the latency worker did not end within {timeout_seconds:g} seconds") from error
    except OSError as error:
        raise NoAnswer(f"the latency worker did not start: {error.strerror}") from error
    if done.returncode:
        raise NoAnswer(f"the latency worker {_ending(done.returncode)}{_last_words(done.stderr)}")
    return _parse(done.stdout)


def _parse(text: str) -> tuple[Told, ...]:
    answers: list[Told] = []
    for line in text.splitlines():
        try:
            answer = _ANSWER.validate_json(line)
        except ValidationError as error:
            raise NoAnswer(f"the latency worker answered with something else: {line[:80]!r}") from error
        if isinstance(answer, Refused):
            raise NoAnswer(answer.reason)
        answers.append(answer)
    return tuple(answers)


def _environment() -> dict[str, str]:
    root = str(Path(kdbench.__file__).parent.parent)  # kdbench may run from a checkout that is not installed
    path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH")) if part)
    # A training worker tunes its allocator; what is deployed runs under the usual one.
    usual = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    return {**usual, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}


def _ending(code: int) -> str:
    if code > 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def _last_words(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return f": {lines[-1][:200]}" if lines else ""
