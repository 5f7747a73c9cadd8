"""What one training run took, by phase, and the JSON line that a side prints about it."""

import json
import resource
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import torch

_UNIT = 1024  # Linux counts ru_maxrss in KiB


class Stopwatch:
    """Seconds by phase."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._began = time.perf_counter()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - began

    def read(self) -> dict[str, float]:
        """Seconds of every phase, and `run`: from the making of this stopwatch to now."""
        return {**self.seconds, "run": time.perf_counter() - self._began}


def seconds_since_start() -> float:
    """Since this process was started: what importing took, when asked after the imports."""
    return time.time() - psutil.Process().create_time()


def print_run(watch: Stopwatch, *, steps: int, epochs: int, workers: int, **facts: Any) -> None:
    """One JSON line. `peak_rss_bytes` adds the largest loader worker once for each: shared pages count each time."""
    seconds = watch.read()
    own, child = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    line = {
        **facts,
        "steps": steps,
        "epochs": epochs,
        "seconds": {name: round(value, 4) for name, value in seconds.items()},
        "ms_per_step": round(1000 * seconds["train"] / steps, 4),
        "seconds_per_epoch": round((seconds["train"] + seconds["validate"]) / epochs, 4),
        "peak_rss_bytes": (own + child * workers) * _UNIT,
        "threads": torch.get_num_threads(),
        "workers": workers,
    }
    print(json.dumps(line), flush=True)
