"""Facts about the machine that a figure was measured on. One that the system does not tell is None, with its reason."""

import math
import os
import platform
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache

import psutil
from pydantic import JsonValue

from kdbench.results.machine.asking import Unknown, read_file, run_program
from kdbench.results.machine.processor import (
    read_caches,
    read_hypervisor,
    read_instruction_set,
    read_processor_name,
)
from kdbench.results.machine.software import (
    PACKAGES,
    PLUGINS,
    read_allocator,
    read_commit,
    read_working_commit,
    source_hash,
    version_of,
)
from kdbench.spec import content_key

CPU_QUOTA = "/sys/fs/cgroup/cpu.max"
Facts = dict[str, JsonValue]


def machine_facts() -> Facts:
    """Processor, memory, GPUs, software and load now: JSON values, sizes in bytes, loads as the kernel gives them.

    `unknown` has the reason of each fact that is None.
    """
    fixed, why_fixed = _fixed_facts()
    load, why_load = _ask({"load_average": _load_average, "cpu_pressure": lambda: read_file("/proc/pressure/cpu")})
    return {**fixed, **load, "unknown": {**why_fixed, **why_load}}


def timestamp() -> str:
    """Now, as records tell it: ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def affinity() -> list[int]:
    """The logical cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))  # macOS binds no process to cores


def usable_cores() -> int:
    """How many cores this process may keep busy: its affinity, or less where a container's quota says so."""
    try:
        quota, _, period = read_file(CPU_QUOTA).partition(" ")
    except Unknown:
        return len(affinity())
    allowed = math.ceil(int(quota) / int(period)) if quota.isdigit() and period.isdigit() else len(affinity())
    return max(1, min(len(affinity()), allowed))


def timing_cores() -> int:
    """Physical cores that this process may use: what `threads = "cores"` stands for."""
    return min(usable_cores(), psutil.cpu_count(logical=False) or usable_cores())


def machine_fingerprint() -> str:
    """What latencies must share to be comparable: processor, cores in use, GPU, operating system, ONNX Runtime.

    The instruction set is part of it: many a cloud calls processors of several generations just "AMD EPYC".
    """
    facts, _ = _fixed_facts()
    return content_key(
        [facts[name] for name in ("cpu", "instruction_set", "affinity", "gpus", "system")]
        + [version_of("onnxruntime"), version_of("onnxruntime-gpu")]
        + [f"{plugin} {version}" for plugin in PLUGINS if (version := version_of(plugin))]
    )


@lru_cache(maxsize=1)
def _fixed_facts() -> tuple[Facts, Facts]:
    """What does not change while this process runs, and the reasons of what is not known."""
    return _ask(
        {
            "system": lambda: f"{platform.system()} {platform.release()} {platform.machine()}",
            "python": platform.python_version,
            "cpu": read_processor_name,
            "instruction_set": lambda: list(read_instruction_set()),
            "caches": read_caches,
            "physical_cores": _physical_cores,
            "logical_cores": psutil.cpu_count,
            "timing_cores": timing_cores,
            "affinity": lambda: list[JsonValue](affinity()),
            "cpu_quota": lambda: read_file(CPU_QUOTA),
            "hypervisor": read_hypervisor,
            "governor": lambda: read_file("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            "memory_bytes": lambda: psutil.virtual_memory().total,
            "allocator": read_allocator,
            "gpus": lambda: list(_gpus()),
            "versions": lambda: {name: version_of(name) for name in PACKAGES},
            "kdbench_source": source_hash,
            "kdbench_commit": read_commit,
            "commit": read_working_commit,
        }
    )


def _ask(asked: Mapping[str, Callable[[], JsonValue]]) -> tuple[Facts, Facts]:
    """Every fact by its name, None where it is not told; and the reasons of those."""
    found: Facts = {}
    reasons: Facts = {}
    for name, ask in asked.items():
        try:
            found[name] = ask()
        except Unknown as why:
            found[name], reasons[name] = None, str(why)
    return found, reasons


def _load_average() -> JsonValue:
    try:
        return list(os.getloadavg())
    except OSError as error:
        raise Unknown("the system keeps no load average") from error


def _physical_cores() -> int:
    found = psutil.cpu_count(logical=False)
    if found is None:
        raise Unknown("psutil cannot count them here")
    return found


def _gpus() -> list[str]:
    if not shutil.which("nvidia-smi"):
        return []
    query = ("nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader")
    return [line.strip() for line in run_program(*query).splitlines() if line.strip()]
