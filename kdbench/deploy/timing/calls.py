"""Single timed calls of a session, warm-up and slices. No torch."""

import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from kdbench.deploy.runtime.providers import DEVICES
from kdbench.deploy.runtime.session import CannotMeasure, ends_of
from kdbench.results.timings import SlicePair
from kdbench.spec import How

WARMUP_RUNS = (20, 300)  # least, most
WARMUP_NANOSECONDS = 20_000_000
WARMUP_WINDOW = 10  # runs
WARMUP_AGREEMENT = 0.05
# A network of seconds a run is warm after a few, and 20 of them in each of many sessions would take an hour.
SLOW_WARMUP = (3, 2_000_000_000)  # at least so many runs, once so many nanoseconds have passed
SLICE_NANOSECONDS = 10_000_000
SLICE_RUNS = 3  # at least

Batches = Sequence[NDArray[np.float32]]
Call = Callable[[], int]  # runs once on the next input and gives the nanoseconds that it took


def prepare(images: NDArray[np.float32], batch: int) -> Batches:
    """Batches of consecutive samples, made beforehand; the last one wraps around, so that each sample is used."""
    count = -(-len(images) // batch)
    return [images.take(range(at * batch, (at + 1) * batch), axis=0, mode="wrap") for at in range(count)]


def caller(session: ort.InferenceSession, batches: Batches, how: How) -> Call:
    """One timed call that cycles over the inputs, along the path of `how`."""
    if how.path == "host":
        return _host_caller(session, batches)
    return _device_caller(session, batches, DEVICES[how.provider], graph=how.path == "graph")


def _host_caller(session: ort.InferenceSession, batches: Batches) -> Call:
    """Host array in, host array out."""
    source, target = ends_of(session)
    feeds = [{source: batch} for batch in batches]
    run, outputs, clock = session.run, [target], time.perf_counter_ns
    position = 0

    def call() -> int:
        nonlocal position
        feed = feeds[position]
        position = (position + 1) % len(feeds)
        start = clock()
        run(outputs, feed)
        return clock() - start

    return call


def _device_caller(session: ort.InferenceSession, batches: Batches, device: str, *, graph: bool) -> Call:
    """Inputs and outputs stay on the device; a call ends when the device has ended its work.

    A CUDA graph reads and writes the addresses that it was captured with: inputs are copied there before the clock,
    and logits have a place of their own. Raises `CannotMeasure` where their number is not known beforehand.
    """
    source, target = ends_of(session)
    held = [ort.OrtValue.ortvalue_from_numpy(batch, device, 0) for batch in batches[: 1 if graph else None]]
    bindings = []
    for value in held:
        binding = session.io_binding()
        binding.bind_ortvalue_input(source, value)
        if graph:
            binding.bind_ortvalue_output(target, _room_for_logits(session, target, len(batches[0]), device))
        else:
            binding.bind_output(target, device, 0)
        bindings.append(binding)
    run, clock = session.run_with_iobinding, time.perf_counter_ns
    position = 0

    def call() -> int:
        nonlocal position
        binding = bindings[position % len(bindings)]
        if graph:
            held[0].update_inplace(batches[position])
        position = (position + 1) % len(batches)
        start = clock()
        run(binding)
        binding.synchronize_outputs()
        return clock() - start

    return call


def _room_for_logits(session: ort.InferenceSession, target: str, batch: int, device: str) -> ort.OrtValue:
    classes = next(output.shape[-1] for output in session.get_outputs() if output.name == target)
    if not isinstance(classes, int):
        raise CannotMeasure("a CUDA graph needs a model that declares how many classes it has")
    return ort.OrtValue.ortvalue_from_numpy(np.zeros((batch, classes), dtype=np.float32), device, 0)


def warm_up(call: Call) -> int:
    """Run until two successive windows agree; gives the number of runs.

    Networks of a few microseconds go past the most runs, because the least time holds for them too.
    """
    took: list[int] = []
    while True:
        took.append(call())
        if len(took) >= SLOW_WARMUP[0] and sum(took) >= SLOW_WARMUP[1]:
            return len(took)
        if len(took) < WARMUP_RUNS[0] or sum(took) < WARMUP_NANOSECONDS:
            continue
        before = statistics.median(took[-2 * WARMUP_WINDOW : -WARMUP_WINDOW])
        now = statistics.median(took[-WARMUP_WINDOW:])
        if abs(now - before) <= WARMUP_AGREEMENT * before or len(took) >= WARMUP_RUNS[1]:
            return len(took)


def time_slice(call: Call) -> list[int]:
    """Nanoseconds of the calls of one slice."""
    took: list[int] = []
    end = time.perf_counter_ns() + SLICE_NANOSECONDS
    while len(took) < SLICE_RUNS or time.perf_counter_ns() < end:
        took.append(call())
    return took


def slice_pair(candidate: Sequence[int], reference: Sequence[int]) -> SlicePair:
    """Two slices' nanoseconds as figures in microseconds per call."""
    return SlicePair(
        candidate_p50=statistics.median(candidate) / 1e3,
        candidate_min=min(candidate) / 1e3,
        candidate_mean=statistics.fmean(candidate) / 1e3,
        reference_p50=statistics.median(reference) / 1e3,
        reference_min=min(reference) / 1e3,
        reference_mean=statistics.fmean(reference) / 1e3,
    )


def thin(values: Sequence[float], most: int) -> tuple[float, ...]:
    """Every k-th value, so that at most `most` are left, with about the same percentiles."""
    return tuple(values[:: max(1, -(-len(values) // most))])
