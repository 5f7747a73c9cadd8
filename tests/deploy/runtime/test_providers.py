import typing

import pytest

from kdbench.deploy.runtime.providers import PROVIDERS, why_missing
from kdbench.spec.types import Provider


def test_the_reason_names_what_there_is_and_the_next_step():
    reason = why_missing("cuda", ["AzureExecutionProvider", "CPUExecutionProvider"])
    assert reason.startswith("this onnxruntime has no CUDAExecutionProvider (has: CPUExecutionProvider)")
    assert "pip install 'onnxruntime-gpu[cuda,cudnn]'" in reason


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_provider_has_a_reason(provider: str):
    assert PROVIDERS[provider] in why_missing(provider, [])


@pytest.mark.parametrize(("provider", "word"), [("openvino", "plug-in"), ("dml", "older than kdbench needs")])
def test_no_reason_sends_to_a_wheel_that_kdbench_cannot_use(provider: str, word: str):
    """onnxruntime-openvino ended with 1.24.1 and onnxruntime-directml with 1.24.4."""
    reason = why_missing(provider, [])
    assert word in reason
    assert "pip" not in reason


def test_a_suite_may_name_exactly_these():
    assert set(typing.get_args(Provider)) == set(PROVIDERS)
