"""Time spent in a part of the step, without making the device wait.

On a CPU it is the CPU time of the process, over all its threads: students are compared at equal cost, and the time that
passes depends on what else the machine does.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class Stopwatch:
    """Adds up the seconds of spans. On a GPU they are marked by events, and read only when `seconds` is asked for."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._seconds = 0.0
        self._spans: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []

    @contextmanager
    def __call__(self) -> Iterator[None]:
        if self.device.type == "cuda":
            began = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            ended = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            began.record()
            yield
            ended.record()
            self._spans.append((began, ended))
        else:
            start = time.process_time()
            yield
            self._seconds += time.process_time() - start

    @property
    def seconds(self) -> float:
        """The sum so far. Waits for the device."""
        if self._spans:
            torch.cuda.synchronize(self.device)
            self._seconds += sum(began.elapsed_time(ended) for began, ended in self._spans) / 1e3
            self._spans.clear()
        return self._seconds
