"""`python -m benchmarks.fidelity.loadgen NETWORK.onnx IMAGES.npy ROUNDS SECONDS`: kdbench's loop and MLPerf LoadGen.

LoadGen sends one query after the other (single stream, performance mode) to a system under test in Python. Its clock
includes the call into Python and the return. Systems that answer at once measure how long these take: `idle` does
nothing else; `busy` runs the network after its answer, untimed, so that the code of the call is as cold in the caches
as in the measurement. `within` is LoadGen's queries again, with a clock of ours around the network alone. All take
turns in one process, on one session, in random order.
"""

import gc
import json
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import mlperf_loadgen
import numpy as np
from numpy.typing import NDArray

from benchmarks.fidelity.networks import HOW
from kdbench.deploy.runtime.session import configure, ends_of, open_session
from kdbench.deploy.timing.calls import Call, caller, prepare, time_slice, warm_up

LEAST_QUERIES = 64
_P50 = re.compile(r"^50\.00 percentile latency \(ns\)\s*: (\d+)$", re.MULTILINE)

Answer = Callable[[Sequence[Any]], None]  # to the samples of one query


def measure(onnx: Path, images: NDArray[np.float32], rounds: int, seconds: float) -> dict[str, list[float]]:
    """The median of each side in each round, microseconds."""
    session, batches = open_session(onnx, configure(HOW)), prepare(images, HOW.batch)
    source, target = ends_of(session)
    feeds = [{source: batch} for batch in batches]
    call = caller(session, batches, HOW)
    warm_up(call)
    expected = int(statistics.median(time_slice(call)))

    def answer(samples: Sequence[Any]) -> None:
        mlperf_loadgen.QuerySamplesComplete([mlperf_loadgen.QuerySampleResponse(samples[0].id, 0, 0)])

    def network(samples: Sequence[Any]) -> None:
        session.run([target], feeds[samples[0].index])
        answer(samples)

    def busy(samples: Sequence[Any]) -> None:
        answer(samples)
        session.run([target], feeds[samples[0].index])

    clocked: list[int] = []

    def within(samples: Sequence[Any]) -> None:
        start = time.perf_counter_ns()
        session.run([target], feeds[samples[0].index])
        clocked.append(time.perf_counter_ns() - start)
        answer(samples)

    def time_within() -> float:
        clocked.clear()
        single_stream(within, len(feeds), seconds, expected)
        return statistics.median(clocked) / 1e3

    sides: dict[str, Callable[[], float]] = {
        "kdbench": lambda: _own(call, seconds),
        "loadgen": lambda: single_stream(network, len(feeds), seconds, expected),
        "idle": lambda: single_stream(answer, len(feeds), seconds, 2_000),
        "busy": lambda: single_stream(busy, len(feeds), seconds, expected),
        "within": time_within,
    }
    found: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name in random.sample(list(sides), len(sides)):
            found[name].append(round(sides[name](), 3))
    return found


def _own(call: Call, seconds: float) -> float:
    """kdbench's median over slices, microseconds."""
    took: list[int] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        took += time_slice(call)
    return statistics.median(took) / 1e3


def single_stream(answer: Answer, samples: int, seconds: float, expected_nanoseconds: int) -> float:
    """LoadGen's median latency, microseconds. From `expected_nanoseconds` it derives how many queries to prepare."""
    settings = mlperf_loadgen.TestSettings()
    settings.scenario = mlperf_loadgen.TestScenario.SingleStream
    settings.mode = mlperf_loadgen.TestMode.PerformanceOnly
    settings.min_duration_ms = round(1000 * seconds)
    settings.min_query_count = LEAST_QUERIES
    settings.single_stream_expected_latency_ns = expected_nanoseconds
    system = mlperf_loadgen.ConstructSUT(answer, lambda: None)
    library = mlperf_loadgen.ConstructQSL(samples, samples, lambda _: None, lambda _: None)
    try:
        with tempfile.TemporaryDirectory(prefix="kdbench-loadgen-") as folder:
            output, log = mlperf_loadgen.LogOutputSettings(), mlperf_loadgen.LogSettings()
            output.outdir, output.copy_summary_to_stdout = folder, False
            log.log_output, log.enable_trace = output, False
            mlperf_loadgen.StartTestWithLogSettings(system, library, settings, log, f"{folder}/audit.config")
            return median_of((Path(folder) / "mlperf_log_summary.txt").read_text("utf-8"))
    finally:
        mlperf_loadgen.DestroyQSL(library)
        mlperf_loadgen.DestroySUT(system)


def median_of(summary: str) -> float:
    """The median latency in LoadGen's summary, microseconds. Raises `ValueError` where there is none."""
    if (found := _P50.search(summary)) is None:
        raise ValueError(f"no median in LoadGen's summary: {summary[:300]!r}")
    return int(found[1]) / 1e3


if __name__ == "__main__":
    gc.disable()  # as in the latency worker
    onnx, images, rounds, seconds = sys.argv[1:]
    print(json.dumps(measure(Path(onnx), np.load(images), int(rounds), float(seconds))))
