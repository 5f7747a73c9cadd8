import importlib
import typing
from pathlib import Path

import pytest

from kdbench.deploy.runtime.providers import PLUGINS, PROVIDERS, has_plugin, why_missing
from kdbench.spec.types import Provider


def test_the_reason_names_what_there_is_and_the_next_step():
    reason = why_missing("cuda", ["AzureExecutionProvider", "CPUExecutionProvider"])
    assert reason.startswith("this onnxruntime has no CUDAExecutionProvider (has: CPUExecutionProvider)")
    assert "pip install 'onnxruntime-gpu[cuda,cudnn]'" in reason


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_provider_has_a_reason(provider: str):
    assert PROVIDERS[provider] in why_missing(provider, [])


def test_no_reason_sends_to_a_wheel_that_kdbench_cannot_use():
    """onnxruntime-openvino ended with 1.24.1 and onnxruntime-directml with 1.24.4."""
    assert "pip install onnxruntime-ep-openvino" in why_missing("openvino", [])
    assert "older than kdbench needs" in why_missing("dml", [])
    assert "pip" not in why_missing("dml", [])


@pytest.mark.parametrize("provider", PLUGINS)
def test_the_package_of_a_plugin_is_named_by_its_module(provider: str):
    assert PLUGINS[provider].replace("_", "-") in why_missing(provider, [])


def test_a_plugin_is_there_where_its_package_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "onnxruntime_ep_webgpu.py").write_text("raise AssertionError('it is not loaded')")
    importlib.invalidate_caches()
    assert has_plugin("webgpu")
    assert not has_plugin("cpu")


def test_a_suite_may_name_exactly_these():
    assert set(typing.get_args(Provider)) == set(PROVIDERS)
