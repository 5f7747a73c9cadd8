"""What the compared sides share: their arguments, a stopwatch by phase, and the JSON line printed for each run."""

import argparse
import json
import resource
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import torch

STARTUP = time.time() - psutil.Process().create_time()  # the sides import this module after torch and torchdistill
_UNIT = 1024  # Linux counts ru_maxrss in KiB


def arguments(doc: str | None) -> argparse.ArgumentParser:
    """A parser with the options that every side has."""
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="what `python -m benchmarks.engine.prepare` made")
    parser.add_argument("--loss", nargs="+", required=True)
    parser.add_argument("--seed", type=int, nargs="+", default=[0])
    parser.add_argument("--workers", type=int, help="of the data loaders")
    parser.add_argument("--epochs", type=int, help="instead of the suite's")
    parser.add_argument("--steps", type=int, help="at most so many an epoch")
    return parser


class Stopwatch:
    """Seconds by phase."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.began = time.perf_counter()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - began


def print_run(watch: Stopwatch, *, steps: int, epochs: int, workers: int, **facts: Any) -> None:
    """Print one JSON line. `run` is the time since the stopwatch was made; `startup_seconds` is what imports took.

    `peak_rss_bytes` adds the largest loader worker once for each: shared pages count each time.
    """
    seconds = {**watch.seconds, "run": time.perf_counter() - watch.began}
    own, child = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    line = {
        **facts,
        "steps": steps,
        "epochs": epochs,
        "seconds": {name: round(value, 4) for name, value in seconds.items()},
        "ms_per_step": round(1000 * seconds["train"] / steps, 4),
        "seconds_per_epoch": round((seconds["train"] + seconds["validate"]) / epochs, 4),
        "peak_rss_bytes": (own + child * workers) * _UNIT,
        "startup_seconds": round(STARTUP, 4),
        "threads": torch.get_num_threads(),
        "workers": workers,
    }
    print(json.dumps(line), flush=True)
