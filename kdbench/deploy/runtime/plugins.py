"""Execution providers that are plug-ins of ONNX Runtime: libraries in Python packages of their own. No torch."""

from functools import lru_cache
from importlib import import_module
from typing import Any

import onnxruntime as ort
from onnxruntime.capi.onnxruntime_pybind11_state import Fail

from kdbench.deploy.runtime.providers import PLUGINS, PROVIDERS


class NoDevice(Exception):
    """A plug-in does not load, or finds nothing that it runs on; the text says why."""


def device_of(provider: str) -> Any:
    """The device that an installed plug-in runs on: the CPU where it can, else its first. Raises `NoDevice`."""
    module = PLUGINS[provider]
    try:
        _register(module)
    except (Fail, ImportError, OSError, RuntimeError) as error:
        raise NoDevice(f"the plug-in {module} does not load: {error}") from error
    devices = [device for device in ort.get_ep_devices() if device.ep_name == PROVIDERS[provider]]
    if not devices:
        raise NoDevice(f"the plug-in {module} finds no device on this machine that it runs on")
    return min(devices, key=lambda device: device.device.type != ort.OrtHardwareDeviceType.CPU)


@lru_cache  # a library is registered once in a process
def _register(module: str) -> None:
    ort.register_execution_provider_library(module, import_module(module).get_library_path())
