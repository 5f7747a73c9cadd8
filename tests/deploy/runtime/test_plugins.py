"""Plug-ins of ONNX Runtime as their packages are: no machine of ours has a device that one of them runs on."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kdbench.deploy.runtime import plugins
from kdbench.deploy.runtime.plugins import NoDevice, device_of
from kdbench.deploy.runtime.session import CannotMeasure, configure, open_session
from kdbench.spec import How

CPU, GPU = plugins.ort.OrtHardwareDeviceType.CPU, plugins.ort.OrtHardwareDeviceType.GPU
OPENVINO = How.model_validate({"provider": "openvino", "threads": 1, "batch": 1})
Found = Callable[..., None]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Found:
    """The package of OpenVINO's plug-in, and what ONNX Runtime finds once its library is registered."""
    registered: list[tuple[str, str]] = []

    def make(*kinds: Any, library: str = "/lib.so") -> None:
        (tmp_path / "onnxruntime_ep_openvino.py").write_text(f"def get_library_path(): return {library!r}")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "onnxruntime_ep_openvino", raising=False)
        importlib.invalidate_caches()
        plugins._register.cache_clear()
        names = ["CPUExecutionProvider", *["OpenVINOExecutionProvider"] * len(kinds)]
        devices = [
            SimpleNamespace(ep_name=name, device=SimpleNamespace(type=kind))
            for name, kind in zip(names, (CPU, *kinds), strict=True)
        ]
        if library == "/lib.so":
            register = lambda *given: registered.append(given)  # noqa: E731
            monkeypatch.setattr(plugins.ort, "register_execution_provider_library", register)
        monkeypatch.setattr(plugins.ort, "get_ep_devices", lambda: devices if registered else [])

    return make


def test_the_cpu_is_taken_where_a_plugin_runs_on_several_devices(package: Found) -> None:
    package(GPU, CPU)
    found = device_of("openvino")
    assert (found.ep_name, found.device.type) == ("OpenVINOExecutionProvider", CPU)


def test_a_graphics_card_is_taken_where_it_is_the_only_one(package: Found) -> None:
    package(GPU)
    assert device_of("openvino").device.type == GPU


def test_a_plugin_without_a_device_is_a_reason(package: Found, resnet_onnx: Path) -> None:
    """What OpenVINO's real plug-in 1.8.1 finds on a processor of AMD."""
    package()
    with pytest.raises(CannotMeasure, match="onnxruntime_ep_openvino finds no device on this machine"):
        open_session(resnet_onnx, configure(OPENVINO))


def test_a_library_that_does_not_load_is_a_reason(package: Found) -> None:
    package(library="/no/such/library.so")
    with pytest.raises(NoDevice, match=r"onnxruntime_ep_openvino does not load: .*cannot open shared object file"):
        device_of("openvino")


def test_a_plugin_has_as_many_threads_as_are_asked_for() -> None:
    assert configure(OPENVINO.model_copy(update={"threads": 2})).provider_options == {"num_of_threads": "2"}
