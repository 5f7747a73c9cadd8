"""The process that times sessions: one JSON job on stdin, JSON lines on stdout. It never imports torch.

Run as `python -m kdbench.deploy.timing.latency_worker`. Torch would bring threads, allocators and an OpenMP of its
own into
the process that is measured.
"""

import gc
import os
import random
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

import numpy as np
import onnxruntime as ort
from pydantic import JsonValue

from kdbench.deploy.runtime.session import CannotMeasure, SessionConfig, configure, open_session
from kdbench.deploy.timing.calls import Batches, Call, caller, prepare, slice_pair, thin, time_slice, warm_up
from kdbench.deploy.timing.jobs import (
    JOB,
    Cold,
    ColdJob,
    EnergyJob,
    EnergyRead,
    Job,
    PairJob,
    Refused,
    RoundEnded,
    SessionPairTimed,
    Told,
)
from kdbench.deploy.timing.noise import Noise
from kdbench.results.machine.energy import metered
from kdbench.results.machine.facts import affinity
from kdbench.results.machine.memory import peak_memory_bytes, reset_peak_memory
from kdbench.results.store import sha256_of
from kdbench.results.timings import ColdStart
from kdbench.spec import How

SESSION_SECONDS = 10.0  # that the slice pairs of one pair of sessions may take: slow networks get fewer of them
LEAST_PAIRS = 2
KEPT_CALLS = 1000  # of one pair of sessions


def cold_start(job: ColdJob) -> Iterator[Cold]:
    """Load, then the first run, in this process that has done nothing else."""
    batches = prepare(np.load(job.images), job.how.batch)
    config = configure(job.how, job.dimensions)
    before = reset_peak_memory()
    start = time.perf_counter()
    session = open_session(Path(job.onnx), config)
    load_seconds = time.perf_counter() - start
    first = caller(session, batches, job.how)()
    memory = peak_memory_bytes() - before
    yield Cold(start=ColdStart(load_seconds=load_seconds, first_run_seconds=first / 1e9, memory_bytes=memory))


def time_pairs(job: PairJob) -> Iterator[SessionPairTimed | RoundEnded]:
    """Slices of candidate and reference in random order, in freshly created pairs of sessions."""
    config = configure(job.how, job.dimensions)
    batches = prepare(np.load(job.images), job.how.batch)
    noise = Noise(job.how.provider)
    providers: list[str] = []
    lags: list[float] = []
    for _ in range(job.sessions):
        calls, providers = _warm_pair((job.candidate, job.reference), config, batches, job.how)
        slices = list(_slices(calls, job.pairs))
        took = [nanoseconds / 1e3 for candidate, _ in slices for nanoseconds in candidate]
        lags += [lag for candidate, _ in slices if (lag := _lag_1(candidate)) is not None]
        yield SessionPairTimed(
            pairs=tuple(slice_pair(*both) for both in slices), calls=len(took), call_microseconds=thin(took, KEPT_CALLS)
        )
    autocorrelation = sum(lags) / len(lags) if lags else None
    facts = {**noise.since(), "lag_1_autocorrelation": autocorrelation, "input_batches": len(batches)}
    facts["images_sha256"] = sha256_of(Path(job.images))
    yield RoundEnded(conditions={**facts, **_facts(config, providers)})


def _warm_pair(
    paths: tuple[str, str], config: SessionConfig, batches: Batches, how: How
) -> tuple[tuple[Call, Call], list[str]]:
    """Candidate and reference, ready to be timed, and the providers that they run on."""
    calls: dict[int, Call] = {}
    providers: list[str] = []
    for index in _random_order():  # memory is laid out in the order of loading
        session = open_session(Path(paths[index]), config)
        calls[index] = caller(session, batches, how)
        providers = list(session.get_providers())
        warm_up(calls[index])
    return (calls[0], calls[1]), providers


def _slices(calls: tuple[Call, Call], pairs: int) -> Iterator[tuple[list[int], list[int]]]:
    """Pairs of slices, nanoseconds of each call: as many as asked for, fewer where they take too long."""
    end = time.monotonic() + SESSION_SECONDS
    for done in range(pairs):
        if done >= LEAST_PAIRS and time.monotonic() > end:
            return
        timed = {index: time_slice(calls[index]) for index in _random_order()}
        yield timed[0], timed[1]


def _random_order() -> tuple[int, int]:
    return (0, 1) if random.random() < 0.5 else (1, 0)


def _lag_1(took: Sequence[int]) -> float | None:
    """The correlation of successive calls: noise that lasts makes neighbours alike."""
    values = np.log(np.asarray(took, dtype=np.float64))
    centred = values - values.mean()
    power = float(centred @ centred)
    return float(centred[1:] @ centred[:-1]) / power if len(took) > SLOW_SLICE and power > 0 else None


SLOW_SLICE = 10  # calls, under which a correlation says nothing


def read_energy(job: EnergyJob) -> Iterator[EnergyRead]:
    """Call for so many seconds beside the machine's counter of energy."""
    batches = prepare(np.load(job.images), job.how.batch)
    call = caller(open_session(Path(job.onnx), configure(job.how, job.dimensions)), batches, job.how)
    warm_up(call)

    def work() -> int:
        runs, end = 0, time.monotonic() + job.seconds
        while time.monotonic() < end:
            call()
            runs += 1
        return runs * job.how.batch

    yield EnergyRead(energy=metered(work, job.how.provider))


def _facts(config: SessionConfig, providers: list[str]) -> dict[str, JsonValue]:
    return {
        **config.model_dump(mode="json"),
        "affinity": list[JsonValue](affinity()),
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS"),
        "providers": list[JsonValue](providers),
        "onnxruntime": ort.__version__,
        "numpy": np.__version__,
    }


def _answers(job: Job) -> Iterator[Told]:
    match job:
        case ColdJob():
            yield from cold_start(job)
        case PairJob():
            yield from time_pairs(job)
        case EnergyJob():
            yield from read_energy(job)


def _say(stream: TextIO, answer: Told | Refused) -> None:
    print(answer.model_dump_json(), file=stream, flush=True)


def _own_stdout() -> TextIO:
    """The real stdout for answers alone: what libraries print goes to stderr."""
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return stream


def main() -> None:
    """Answer one job. A failure of the job is an answer too."""
    stream = _own_stdout()
    job = JOB.validate_json(sys.stdin.read())
    gc.disable()
    try:
        for answer in _answers(job):
            _say(stream, answer)
    except CannotMeasure as reason:
        _say(stream, Refused(reason=str(reason)))
    except Exception as error:  # the edge where a failed job becomes a record
        _say(stream, Refused(reason=_one_line(error, job)))


def _one_line(error: Exception, job: Job) -> str:
    """The first line of an error, with file names instead of this machine's paths."""
    text = str(error).strip().partition("\n")[0]
    files = [job.candidate, job.reference] if isinstance(job, PairJob) else [job.onnx]
    for path in (*files, job.images):
        text = text.replace(path, Path(path).name)
    return f"{type(error).__name__}: {text[:300]}"


if __name__ == "__main__":
    main()
