"""How long an exported model takes, timed in a process of its own against a reference. No torch."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from kdbench.deploy.runtime.session import BATCH
from kdbench.deploy.timing.calls import thin
from kdbench.deploy.timing.jobs import (
    TIMEOUT_SECONDS,
    WORKER,
    Cold,
    ColdJob,
    EnergyJob,
    EnergyRead,
    NoAnswer,
    PairJob,
    RoundEnded,
    SessionPairTimed,
    ask_worker,
)
from kdbench.results.machine.energy_counters import why_no_counter
from kdbench.results.timings import ColdStart, Energy, SlicePair
from kdbench.spec import How

LEAST_SAMPLES = 16  # a single input lets caches and branch predictors learn it by heart
MOST_SAMPLES = 64
# A round: docs/decisions/0009-ratios-of-latency.md.
SESSIONS = 5
PAIRS = 8
COLD_STARTS = 3
ENERGY_SECONDS = 10.0
KEPT_CALLS = 5000

Images = NDArray[np.float32]


@dataclass(frozen=True)
class Round:
    """A round of slice pairs, by session."""

    sessions: tuple[tuple[SlicePair, ...], ...]
    calls: int  # of the candidate
    call_microseconds: tuple[float, ...]  # of them, evenly thinned
    conditions: dict[str, JsonValue]


def time_round(
    candidate: Path,
    reference: Path,
    images: Images,
    how: How,
    *,
    sessions: int = SESSIONS,
    pairs: int = PAIRS,
    dimensions: Sequence[str] = (BATCH,),
    command: Sequence[str] = WORKER,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Round:
    """Slices of candidate and reference in random order: `sessions` re-created pairs of sessions, `pairs` of each.

    A slice is 10 ms and at least 3 calls. `images` are at least 16 real samples [N, C, H, W], prepared as the models
    want them. Networks so slow that a session takes over 10 s get fewer pairs. Raises `NoAnswer`.
    """
    with saved_samples(images, how.batch) as path:
        job = PairJob(
            candidate=str(candidate.resolve()),
            reference=str(reference.resolve()),
            images=str(path),
            how=how,
            dimensions=tuple(dimensions),
            sessions=sessions,
            pairs=pairs,
        )
        answers = ask_worker(job, command=command, timeout_seconds=timeout_seconds)
    timed = [answer for answer in answers if isinstance(answer, SessionPairTimed)]
    ends = [answer for answer in answers if isinstance(answer, RoundEnded)]
    if len(timed) != sessions or len(ends) != 1:
        raise NoAnswer(f"the latency worker gave {len(timed)} of {sessions} pairs of sessions")
    return Round(
        sessions=tuple(answer.pairs for answer in timed),
        calls=sum(answer.calls for answer in timed),
        call_microseconds=thin([took for answer in timed for took in answer.call_microseconds], KEPT_CALLS),
        conditions=ends[0].conditions,
    )


def cold_starts(
    onnx: Path, images: Images, how: How, dimensions: Sequence[str] = (BATCH,), *, processes: int = COLD_STARTS
) -> tuple[ColdStart, ...]:
    """Loading and the first run, in as many fresh processes. Raises `NoAnswer`."""
    with saved_samples(images, how.batch) as path:
        job = ColdJob(onnx=str(onnx.resolve()), images=str(path), how=how, dimensions=tuple(dimensions))
        answers = [answer for _ in range(processes) for answer in ask_worker(job)]
    starts = tuple(answer.start for answer in answers if isinstance(answer, Cold))
    if len(starts) != processes:
        raise NoAnswer(f"the latency worker gave {len(starts)} of {processes} cold starts")
    return starts


def energy_of(onnx: Path, images: Images, how: How, dimensions: Sequence[str] = (BATCH,)) -> Energy:
    """Energy of predicting for ten seconds; none, with the reason, where there is no counter. Raises `NoAnswer`."""
    if reason := why_no_counter(how.provider):
        return Energy(reason=reason)
    with saved_samples(images, how.batch) as path:
        job = EnergyJob(
            onnx=str(onnx.resolve()),
            images=str(path),
            how=how,
            dimensions=tuple(dimensions),
            seconds=ENERGY_SECONDS,
        )
        answers = ask_worker(job)
    read = [answer.energy for answer in answers if isinstance(answer, EnergyRead)]
    if len(read) != 1:
        raise NoAnswer("the latency worker gave no reading of energy")
    return read[0]


@contextmanager
def saved_samples(images: Images, batch: int) -> Iterator[Path]:
    """A file with as many samples as are cycled over. Raises `NoAnswer` where there are too few."""
    if len(images) < LEAST_SAMPLES:
        raise NoAnswer(f"at least {LEAST_SAMPLES} real samples are needed, and there are {len(images)}")
    with tempfile.TemporaryDirectory(prefix="kdbench-latency-") as folder:
        path = Path(folder) / "images.npy"
        np.save(path, np.ascontiguousarray(images[: max(MOST_SAMPLES, batch)]))
        yield path
