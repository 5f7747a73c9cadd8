"""What is measured of exported files in this process: a cold start, slices of two files in turns, energy. No torch.

`samples` is an .npy file of images [N, C, H, W], float32, prepared as the models want them.
"""

import gc
import hashlib
import os
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from pydantic import JsonValue

from kdbench.deploy.runtime.session import CannotMeasure, SessionConfig, configure, open_session
from kdbench.deploy.timing.calls import Batches, Call, caller, prepare, slice_pair, thin, time_slice, warm_up
from kdbench.deploy.timing.noise import Noise
from kdbench.results.machine.energy import metered
from kdbench.results.machine.facts import affinity
from kdbench.results.machine.memory import peak_memory_bytes, reset_peak_memory
from kdbench.results.timings import ColdStart, Energy, Round, SlicePair
from kdbench.spec import How

LEAST_SAMPLES = 16  # a single input lets caches and branch predictors learn it by heart
MOST_SAMPLES = 64  # that are cycled over, where a batch is not larger
SESSION_SECONDS = 10.0  # that the slice pairs of one pair of sessions may take: slow networks get fewer of them
LEAST_PAIRS = 2
SLOW_SLICE = 10  # calls, under which a correlation says nothing
KEPT_CALLS = 1000  # of one pair of sessions


def cold_start(onnx: Path, samples: Path, how: How, dimensions: Sequence[str]) -> ColdStart:
    """Load, then the first run: of a process that has done nothing before. Raises `CannotMeasure`."""
    with _without_collector():
        batches = prepare(_load(samples, how.batch), how.batch)
        config = configure(how, dimensions)
        before = reset_peak_memory()
        start = time.perf_counter()
        session = open_session(onnx, config)
        load_seconds = time.perf_counter() - start
        first = caller(session, batches, how)()
        memory = peak_memory_bytes() - before
    return ColdStart(load_seconds=load_seconds, first_run_seconds=first / 1e9, memory_bytes=memory)


def time_pairs(
    files: tuple[Path, Path], samples: Path, how: How, dimensions: Sequence[str], *, sessions: int, pairs: int
) -> Round:
    """Slices of candidate and reference in random order: `sessions` re-created pairs of sessions, `pairs` of each.

    A slice is 10 ms and at least 3 calls. Networks so slow that a session takes over 10 s get fewer pairs. Raises
    `CannotMeasure`.
    """
    config = configure(how, dimensions)
    images = _load(samples, how.batch)
    batches = prepare(images, how.batch)
    noise = Noise(how.provider)
    providers: list[str] = []
    timed: list[tuple[SlicePair, ...]] = []
    took: list[float] = []
    lags: list[float] = []
    count = 0
    with _without_collector():
        for _ in range(sessions):
            calls, providers = _warm_pair(files, config, batches, how)
            slices = list(_slices(calls, pairs))
            timed.append(tuple(slice_pair(*both) for both in slices))
            own = [nanoseconds / 1e3 for candidate, _ in slices for nanoseconds in candidate]
            count += len(own)
            took += thin(own, KEPT_CALLS)
            lags += [lag for candidate, _ in slices if (lag := _lag_1(candidate)) is not None]
    conditions: dict[str, JsonValue] = {
        **noise.since(),
        "lag_1_autocorrelation": sum(lags) / len(lags) if lags else None,
        "input_batches": len(batches),
        "images_sha256": hashlib.sha256(images.tobytes()).hexdigest(),
        **_facts(config, providers),
    }
    return Round(sessions=tuple(timed), calls=count, call_microseconds=tuple(took), conditions=conditions)


def energy_of(onnx: Path, samples: Path, how: How, dimensions: Sequence[str], seconds: float) -> Energy:
    """Call for so many seconds beside the machine's counter of energy. Raises `CannotMeasure`."""
    batches = prepare(_load(samples, how.batch), how.batch)
    call = caller(open_session(onnx, configure(how, dimensions)), batches, how)
    warm_up(call)

    def work() -> int:
        runs, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            call()
            runs += 1
        return runs * how.batch

    with _without_collector():
        return metered(work, how.provider)


def _load(samples: Path, batch: int) -> NDArray[np.float32]:
    """As many samples as are cycled over. Raises `CannotMeasure` where there are too few."""
    images: NDArray[np.float32] = np.load(samples, mmap_mode="r")[: max(MOST_SAMPLES, batch)]
    if len(images) < LEAST_SAMPLES:
        raise CannotMeasure(f"at least {LEAST_SAMPLES} real samples are needed, and there are {len(images)}")
    return images


@contextmanager
def _without_collector() -> Iterator[None]:
    """Without Python's garbage collector, which would run amid timed calls."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _warm_pair(
    files: tuple[Path, Path], config: SessionConfig, batches: Batches, how: How
) -> tuple[tuple[Call, Call], list[str]]:
    """Candidate and reference, ready to be timed, and the providers that they run on."""
    calls: dict[int, Call] = {}
    providers: list[str] = []
    for index in _random_order():  # memory is laid out in the order of loading
        session = open_session(files[index], config)
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


def _facts(config: SessionConfig, providers: list[str]) -> dict[str, JsonValue]:
    return {
        **config.model_dump(mode="json"),
        "affinity": list[JsonValue](affinity()),
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS"),
        "providers": list[JsonValue](providers),
        "onnxruntime": ort.__version__,
        "numpy": np.__version__,
    }
