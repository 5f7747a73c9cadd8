"""The process that times sessions: one JSON job on stdin, JSON lines on stdout. It never imports torch.

Run as `python -m kdbench.deploy.latency_worker`. Torch would bring threads, allocators and an OpenMP of its own into
the process that is measured.
"""

import gc
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

import numpy as np
import onnxruntime as ort
import psutil
from numpy.typing import NDArray
from pydantic import JsonValue, TypeAdapter

from kdbench.deploy.jobs import CompareJob, Job, Measured, MeasureJob, Refused, SessionPairTimed
from kdbench.deploy.session import INPUT, OUTPUT, CannotMeasure, SessionConfig, configure, open_session
from kdbench.results import SlicePair
from kdbench.results.environment import affinity

WARMUP_RUNS = (20, 300)  # least, most
WARMUP_NANOSECONDS = 20_000_000
WARMUP_WINDOW = 10  # runs
WARMUP_AGREEMENT = 0.05
TIMED_CALLS = (30, 5000)  # least, most
SLICE_NANOSECONDS = 10_000_000
SLICE_RUNS = 3  # at least

Feeds = Sequence[dict[str, NDArray[np.float32]]]
Call = Callable[[], int]  # runs once on the next input and gives the nanoseconds that it took


def prepare(images: NDArray[np.float32], batch: int) -> Feeds:
    """Inputs made beforehand: consecutive samples in batches, going round until each sample was used once."""
    count = -(-len(images) // batch)
    return [{INPUT: images.take(range(at * batch, (at + 1) * batch), axis=0, mode="wrap")} for at in range(count)]


def caller(session: ort.InferenceSession, feeds: Feeds) -> Call:
    """One timed call, host array in and host array out, that cycles over the inputs."""
    run, outputs, clock = session.run, [OUTPUT], time.perf_counter_ns
    position = 0

    def call() -> int:
        nonlocal position
        feed = feeds[position]
        position = (position + 1) % len(feeds)
        start = clock()
        run(outputs, feed)
        return clock() - start

    return call


def warm_up(call: Call) -> int:
    """Run until two successive windows agree; gives the number of runs.

    Networks of a few microseconds go past the most runs, because the least time holds for them too.
    """
    took: list[int] = []
    while True:
        took.append(call())
        if len(took) < WARMUP_RUNS[0] or sum(took) < WARMUP_NANOSECONDS:
            continue
        before = statistics.median(took[-2 * WARMUP_WINDOW : -WARMUP_WINDOW])
        now = statistics.median(took[-WARMUP_WINDOW:])
        if abs(now - before) <= WARMUP_AGREEMENT * before or len(took) >= WARMUP_RUNS[1]:
            return len(took)


def time_calls(call: Call, seconds: float) -> list[int]:
    """Nanoseconds of single calls, for so many seconds, within the least and the most calls."""
    took: list[int] = []
    end = time.perf_counter_ns() + int(seconds * 1e9)
    while len(took) < TIMED_CALLS[1] and (len(took) < TIMED_CALLS[0] or time.perf_counter_ns() < end):
        took.append(call())
    return took


def time_slice(call: Call) -> tuple[float, float]:
    """The median and the least of the calls of one slice, microseconds per call."""
    took: list[int] = []
    end = time.perf_counter_ns() + SLICE_NANOSECONDS
    while len(took) < SLICE_RUNS or time.perf_counter_ns() < end:
        took.append(call())
    return statistics.median(took) / 1e3, min(took) / 1e3


def measure(job: MeasureJob) -> Iterator[Measured]:
    """Load, first run and warm-up apart; then single calls."""
    config = configure(job.provider, job.threads, job.batch)
    feeds = prepare(np.load(job.images), job.batch)
    start = time.perf_counter()
    session = open_session(Path(job.onnx), config)
    load_seconds = time.perf_counter() - start
    call = caller(session, feeds)
    first_run_seconds = call() / 1e9
    warmup_runs = warm_up(call)
    counters = _Counters()
    took = time_calls(call, job.seconds)
    yield Measured(
        load_seconds=load_seconds,
        first_run_seconds=first_run_seconds,
        warmup_runs=warmup_runs,
        call_microseconds=tuple(nanoseconds / 1e3 for nanoseconds in took),
        config=config,
        conditions={**counters.since(), **_facts(session), "input_batches": len(feeds)},
    )


def compare(job: CompareJob) -> Iterator[SessionPairTimed]:
    """Slices of candidate and reference in random order, in freshly created pairs of sessions."""
    config = configure(job.provider, job.threads, job.batch)
    feeds = prepare(np.load(job.images), job.batch)
    for _ in range(job.sessions):
        calls = _warm_pair((job.candidate, job.reference), config, feeds)
        yield SessionPairTimed(pairs=tuple(_slice_pair(*calls) for _ in range(job.pairs)))


def _warm_pair(paths: tuple[str, str], config: SessionConfig, feeds: Feeds) -> tuple[Call, Call]:
    calls: dict[int, Call] = {}
    for index in _random_order():  # memory is laid out in the order of loading
        calls[index] = caller(open_session(Path(paths[index]), config), feeds)
        warm_up(calls[index])
    return calls[0], calls[1]


def _slice_pair(candidate: Call, reference: Call) -> SlicePair:
    calls = (candidate, reference)
    timed = {index: time_slice(calls[index]) for index in _random_order()}
    (candidate_p50, candidate_min), (reference_p50, reference_min) = timed[0], timed[1]
    return SlicePair(
        candidate_p50=candidate_p50,
        candidate_min=candidate_min,
        reference_p50=reference_p50,
        reference_min=reference_min,
    )


def _random_order() -> tuple[int, int]:
    return (0, 1) if random.random() < 0.5 else (1, 0)


class _Counters:
    """CPU time, wall time and involuntary context switches of this process from now on."""

    def __init__(self) -> None:
        self.cpu, self.wall, self.switches = self._read()

    def since(self) -> dict[str, JsonValue]:
        cpu, wall, switches = self._read()
        return {
            "cpu_seconds": cpu - self.cpu,
            "wall_seconds": wall - self.wall,
            "involuntary_context_switches": switches - self.switches,
        }

    @staticmethod
    def _read() -> tuple[float, float, int]:
        return time.process_time(), time.perf_counter(), int(psutil.Process().num_ctx_switches().involuntary)


def _facts(session: ort.InferenceSession) -> dict[str, JsonValue]:
    return {
        "affinity": list[JsonValue](affinity()),
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS"),
        "providers": list(session.get_providers()),
        "onnxruntime": ort.__version__,
        "numpy": np.__version__,
        "path": "host to host",
    }


def _answers(job: MeasureJob | CompareJob) -> Iterator[Measured | SessionPairTimed]:
    yield from measure(job) if isinstance(job, MeasureJob) else compare(job)


def _say(stream: TextIO, answer: Measured | SessionPairTimed | Refused) -> None:
    print(answer.model_dump_json(), file=stream, flush=True)


def _own_stdout() -> TextIO:
    """The real stdout for answers alone: what libraries print goes to stderr."""
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return stream


def main() -> None:
    """Answer one job. A failure of the job is an answer too."""
    stream = _own_stdout()
    job: MeasureJob | CompareJob = TypeAdapter[MeasureJob | CompareJob](Job).validate_json(sys.stdin.read())
    gc.disable()
    try:
        for answer in _answers(job):
            _say(stream, answer)
    except CannotMeasure as reason:
        _say(stream, Refused(reason=str(reason)))
    except Exception as error:  # the edge where a failed job becomes a record
        _say(stream, Refused(reason=_one_line(error, job)))


def _one_line(error: Exception, job: MeasureJob | CompareJob) -> str:
    """The first line of an error, with file names instead of this machine's paths."""
    text = str(error).strip().partition("\n")[0]
    paths = [job.onnx, job.images] if isinstance(job, MeasureJob) else [job.candidate, job.reference, job.images]
    for path in paths:
        text = text.replace(path, Path(path).name)
    return f"{type(error).__name__}: {text[:300]}"


if __name__ == "__main__":
    main()
