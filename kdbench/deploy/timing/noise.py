"""What else happened while calls were timed: counters of this process and of the machine. Unknown ones are null."""

import os
import time
from pathlib import Path

import psutil
from pydantic import JsonValue

from kdbench.results.machine.gpu import gpu_state
from kdbench.spec.types import ON_NVIDIA


class Noise:
    """Counters from now on: CPU and wall time, context switches, time stolen by a hypervisor, CPU pressure, clocks."""

    def __init__(self, provider: str) -> None:
        self.gpu = provider in ON_NVIDIA
        self.before = _counters()
        self.gpu_before = gpu_state() if self.gpu else None

    def since(self) -> dict[str, JsonValue]:
        """The growth of each counter; the state of the GPU at both ends where one was used."""
        now = _counters()
        grown: dict[str, JsonValue] = {
            name: None if value is None or (was := self.before[name]) is None else value - was
            for name, value in now.items()
        }
        grown["load_average"] = list[JsonValue](os.getloadavg())
        if self.gpu:
            grown["gpu"] = {"before": self.gpu_before, "after": gpu_state()}
        return grown


def _counters() -> dict[str, float | None]:
    return {
        "cpu_seconds": time.process_time(),
        "wall_seconds": time.perf_counter(),
        "involuntary_context_switches": int(psutil.Process().num_ctx_switches().involuntary),
        "steal_seconds": getattr(psutil.cpu_times(), "steal", None),  # of all cores of the machine
        "cpu_pressure_seconds": _pressure(),  # in which some task of the machine waited for a core
    }


def _pressure() -> float | None:
    """The kernel's total of stalls for CPU, seconds."""
    try:
        text = Path("/proc/pressure/cpu").read_text("utf-8")
    except OSError:
        return None
    some = next((line for line in text.splitlines() if line.startswith("some")), "")
    total = some.rpartition("total=")[2]
    return int(total) / 1e6 if total.isdigit() else None
