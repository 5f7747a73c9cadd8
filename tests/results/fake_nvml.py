"""A GPU that NVML would tell of, for machines without one: `pynvml` as far as kdbench uses it."""

import sys
from types import ModuleType
from typing import Any

import pytest


class NVMLError(Exception):
    pass


class FakeNvml(ModuleType):
    """`told` holds what each function returns after the handle; an `NVMLError` is raised."""

    NVMLError = NVMLError
    NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_TEMPERATURE_GPU = 1, 2, 0

    def __init__(self, **changes: Any) -> None:
        super().__init__("pynvml")
        self.started = 0
        self.asked: list[tuple[str, Any]] = []
        self.told: dict[str, Any] = {
            "nvmlInit": None,
            "nvmlDeviceGetCount": 1,
            "nvmlDeviceGetHandleByIndex": "handle",
            "nvmlDeviceGetHandleByUUID": "handle",
            "nvmlDeviceGetName": "Fake 1000",
            "nvmlSystemGetDriverVersion": "580.00",
            "nvmlDeviceGetClockInfo": {1: 1980, 2: 3201},
            "nvmlDeviceGetTemperature": {0: 54},
            "nvmlDeviceGetPowerUsage": 123_456,  # mW
            "nvmlDeviceGetCurrentClocksEventReasons": 0,
            "nvmlDeviceGetMigMode": NVMLError("Not Supported"),
            "nvmlDeviceGetTotalEnergyConsumption": 0,  # mJ
            **changes,
        }

    def __getattr__(self, name: str) -> Any:
        if name == "nvmlShutdown":
            return self._stop
        if name.startswith("__") or name not in self.told:
            raise AttributeError(name)
        return lambda *given: self._answer(name, given)

    def _answer(self, name: str, given: tuple[Any, ...]) -> Any:
        answer = self.told[name]
        if isinstance(answer, NVMLError):
            raise answer
        if name == "nvmlInit":
            self.started += 1
            return None
        assert self.started, f"{name} before nvmlInit"
        if name.startswith("nvmlDeviceGetHandleBy"):
            self.asked.append((name, given[0]))
        return answer[given[1]] if isinstance(answer, dict) else answer() if callable(answer) else answer

    def _stop(self) -> None:
        assert self.started
        self.started -= 1


def install(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> FakeNvml:
    """Let `import pynvml` find a fake one, with nothing said about which GPUs CUDA sees."""
    fake = FakeNvml(**changes)
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    for name in ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"):
        monkeypatch.delenv(name, raising=False)
    return fake
