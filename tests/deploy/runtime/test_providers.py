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


def test_a_suite_may_name_exactly_these():
    assert set(typing.get_args(Provider)) == set(PROVIDERS)
