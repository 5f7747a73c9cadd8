"""The simplest loops: with a clock around each call, and without a clock.

`python -m benchmarks.fidelity.bare NETWORK.onnx IMAGES.npy SESSIONS SECONDS`: the clocked one in a process of its own,
in so many sessions one after the other, for so many seconds each.
"""

import json
import statistics
import sys
import time
from collections.abc import Iterable, Mapping
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from benchmarks.fidelity.networks import HOW
from kdbench.deploy.runtime.session import configure, open_session

Feeds = Iterable[Mapping[str, NDArray[np.float32]]]
WARM_SECONDS = 0.1


def clocked(session: ort.InferenceSession, outputs: list[str], feeds: Feeds) -> list[int]:
    """Nanoseconds of each call."""
    took = []
    for feed in feeds:
        start = time.perf_counter_ns()
        session.run(outputs, feed)
        took.append(time.perf_counter_ns() - start)
    return took


def unclocked(session: ort.InferenceSession, outputs: list[str], feeds: Feeds) -> list[int]:
    """Nothing but the calls; no times."""
    for feed in feeds:
        session.run(outputs, feed)
    return []


def time_alone(onnx: Path, images: NDArray[np.float32], sessions: int, seconds: float) -> dict[str, Any]:
    """The median of all calls, and that of each session, microseconds."""
    medians, calls = [], []
    for _ in range(sessions):
        session = open_session(onnx, configure(HOW))
        (source,), (target,) = session.get_inputs(), session.get_outputs()
        feeds = cycle([{source.name: image[None]} for image in images])
        clocked(session, [target.name], _until(feeds, WARM_SECONDS))
        took = clocked(session, [target.name], _until(feeds, seconds))
        medians.append(statistics.median(took) / 1e3)
        calls += took
    return {"p50": statistics.median(calls) / 1e3, "session_p50": medians}


def _until(feeds: Feeds, seconds: float) -> Feeds:
    end = time.perf_counter() + seconds
    for feed in feeds:
        if time.perf_counter() > end:
            return
        yield feed


if __name__ == "__main__":
    onnx, images, sessions, seconds = sys.argv[1:]
    print(json.dumps(time_alone(Path(onnx), np.load(images), int(sessions), float(seconds))))
