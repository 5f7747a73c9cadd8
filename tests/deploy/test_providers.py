import subprocess
import sys

import pytest

from kdbench.deploy.providers import PROVIDERS, why_missing


def test_the_reason_names_what_there_is_and_the_next_step():
    reason = why_missing("cuda", ["AzureExecutionProvider", "CPUExecutionProvider"])
    assert reason.startswith("this onnxruntime has no CUDAExecutionProvider (has: CPUExecutionProvider)")
    assert "pip install onnxruntime-gpu" in reason


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_provider_has_a_reason(provider: str):
    assert PROVIDERS[provider] in why_missing(provider, [])


def test_the_names_can_be_checked_without_torch_and_onnxruntime():
    script = "import sys; from kdbench.deploy import PROVIDERS; print([m for m in sys.modules if m in HEAVY])"
    script = "HEAVY = {'torch', 'onnxruntime', 'onnx', 'numpy'}; " + script
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
