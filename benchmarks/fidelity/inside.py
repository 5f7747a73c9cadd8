"""`python -m benchmarks.fidelity.inside NETWORK.onnx IMAGES.npy SLICES`: kdbench's loop and bare ones in one process.

All run the same session, in slices of 10 ms in random order: nothing but the loops differs.
"""

import gc
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.fidelity.bare import clocked, unclocked
from benchmarks.fidelity.networks import HOW
from kdbench.deploy.runtime.session import configure, ends_of, open_session
from kdbench.deploy.timing.calls import SLICE_NANOSECONDS, SLICE_RUNS, caller, prepare, time_slice, warm_up


def measure(onnx: Path, images: NDArray[np.float32], slices: int) -> dict[str, list[float]]:
    """For each round of slices, in microseconds: the median of the clocked calls, and the whole time per call."""
    session, batches = open_session(onnx, configure(HOW)), prepare(images, HOW.batch)
    source, target = ends_of(session)
    call = caller(session, batches, HOW)
    warm_up(call)
    calls = max(SLICE_RUNS, round(SLICE_NANOSECONDS / statistics.median(time_slice(call))))
    feeds = list(islice(cycle([{source: batch} for batch in batches]), calls))
    loops: dict[str, Callable[[], Sequence[int]]] = {
        "kdbench": lambda: time_slice(call),
        "clocked": lambda: clocked(session, [target], feeds),
        "bare": lambda: unclocked(session, [target], feeds),
    }
    found: dict[str, list[float]] = {}
    for _ in range(slices):
        for name in random.sample(list(loops), len(loops)):
            start = time.perf_counter_ns()
            took = loops[name]()
            whole = time.perf_counter_ns() - start
            found.setdefault(f"{name}_per_call", []).append(whole / len(took or feeds) / 1e3)
            if took:
                found.setdefault(f"{name}_p50", []).append(statistics.median(took) / 1e3)
    return {name: [round(value, 3) for value in values] for name, values in found.items()}


if __name__ == "__main__":
    gc.disable()  # as in the latency worker
    onnx, images, slices = sys.argv[1:]
    print(json.dumps(measure(Path(onnx), np.load(images), int(slices))))
