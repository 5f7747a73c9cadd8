"""The state of an NVIDIA GPU by NVML, where the extra `energy` is installed."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from pydantic import JsonValue

# What lowers the clocks, by the bits of NVML's clocks event reasons (nvml.h).
SLOWED_BY = {
    0x001: "idle",
    0x002: "clocks set by an application",
    0x004: "power cap",
    0x008: "hardware slowdown",
    0x010: "sync boost",
    0x020: "software thermal slowdown",
    0x040: "hardware thermal slowdown",
    0x080: "power brake",
    0x100: "display clocks",
}


class NoGpu(Exception):
    """NVML cannot be used; the text says why."""


def gpu_state(device: int = 0) -> JsonValue:
    """Clocks, temperature, power and what lowers the clocks now; what cannot be read is None, with the reason.

    `device` is CUDA's number. Where NVML cannot be used at all, the state has only `reason`.
    """
    try:
        with nvml_device(device) as (nvml, handle):
            return _state(nvml, handle)
    except NoGpu as why:
        return {"reason": str(why)}


def _state(nvml: Any, handle: Any) -> dict[str, JsonValue]:
    asked: dict[str, Callable[[], JsonValue]] = {
        "name": lambda: nvml.nvmlDeviceGetName(handle),
        "driver": lambda: nvml.nvmlSystemGetDriverVersion(),
        "sm_mhz": lambda: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM),
        "memory_mhz": lambda: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_MEM),
        "temperature_celsius": lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU),
        "power_watts": lambda: nvml.nvmlDeviceGetPowerUsage(handle) / 1e3,
        "slowed_by": lambda: _words(_reasons(nvml, handle)),
    }
    state: dict[str, JsonValue] = {}
    unreadable: dict[str, JsonValue] = {}
    for name, ask in asked.items():
        try:
            state[name] = ask()
        except nvml.NVMLError as error:
            state[name], unreadable[name] = None, str(error)
    return {**state, "unreadable": unreadable}


def _reasons(nvml: Any, handle: Any) -> int:
    # Before nvidia-ml-py 12.535.108 the function had its older name alone.
    ask = getattr(nvml, "nvmlDeviceGetCurrentClocksEventReasons", None)
    return int((ask or nvml.nvmlDeviceGetCurrentClocksThrottleReasons)(handle))


def _words(bits: int) -> list[JsonValue]:
    unknown = bits & ~sum(SLOWED_BY)
    return [*(word for bit, word in SLOWED_BY.items() if bits & bit), *([f"bits {unknown:#x}"] if unknown else [])]


@contextmanager
def nvml_device(device: int = 0) -> Iterator[tuple[Any, Any]]:
    """NVML's module and its handle of the GPU that CUDA calls `device`. Raises `NoGpu` with the reason."""
    try:
        nvml = import_module("pynvml")
    except ImportError:
        raise NoGpu("nvidia-ml-py is not installed: pip install 'kdbench[energy]'") from None
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        raise NoGpu(f"NVML does not start: {error}") from error
    try:
        yield nvml, _handle(nvml, device)
    finally:
        nvml.nvmlShutdown()


def _handle(nvml: Any, device: int) -> Any:
    """CUDA numbers the visible GPUs, the fastest first; NVML numbers all GPUs by their address on the bus."""
    name = str(device)
    if (visible := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        names = [part.strip() for part in visible.split(",") if part.strip()]
        name = names[device] if device < len(names) else "-1"
        if name == "-1":
            raise NoGpu(f"CUDA_VISIBLE_DEVICES={visible} hides GPU {device}")
    try:
        if not name.isdigit():
            return nvml.nvmlDeviceGetHandleByUUID(name)
        count = nvml.nvmlDeviceGetCount()
        if count > 1 and os.environ.get("CUDA_DEVICE_ORDER") != "PCI_BUS_ID":
            raise NoGpu(
                f"of {count} GPUs NVML cannot tell which one CUDA calls {device}: set CUDA_DEVICE_ORDER=PCI_BUS_ID"
            )
        return nvml.nvmlDeviceGetHandleByIndex(int(name))
    except nvml.NVMLError as error:
        raise NoGpu(f"NVML finds no GPU {name}: {error}") from error
