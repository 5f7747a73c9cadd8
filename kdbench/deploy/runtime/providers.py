"""The execution providers of ONNX Runtime by the short names that a suite uses. Imports nothing heavy."""

from collections.abc import Mapping, Sequence

PROVIDERS: Mapping[str, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "dml": "DmlExecutionProvider",
    "xnnpack": "XnnpackExecutionProvider",
}

# Where their tensors live, as ONNX Runtime names it.
DEVICES: Mapping[str, str] = {"cuda": "cuda", "tensorrt": "cuda"}

# These two run a whole model or none of it. The others hand operators they lack to the CPU by design.
WHOLE_MODEL = ("cuda", "tensorrt")

# onnxruntime and onnxruntime-gpu are one module in two wheels: installed at once, they overwrite each other's files.
# Providers of other makers are plug-ins by now (onnxruntime-ep-NAME); the last wheels that had them inside are older
# than the onnxruntime that kdbench needs.
_WHERE_TO_GET = {
    "cuda": "pip uninstall onnxruntime && pip install 'onnxruntime-gpu[cuda,cudnn]'",
    "tensorrt": "pip uninstall onnxruntime && pip install onnxruntime-gpu, with TensorRT installed",
    "openvino": "it is a plug-in now (onnxruntime-ep-openvino), and kdbench does not load plug-ins",
    "coreml": "it is in the macOS wheels of onnxruntime",
    "dml": "its wheel, onnxruntime-directml, ended with 1.24 on Windows, which is older than kdbench needs",
    "xnnpack": "it is in the Android and iOS packages, or in a build with --use_xnnpack",
}


def why_missing(provider: str, available: Sequence[str]) -> str:
    """The reason, and the next step, where `available` lacks the provider with this short name."""
    has = ", ".join(name for name in available if name in PROVIDERS.values()) or "none"
    return f"this onnxruntime has no {PROVIDERS[provider]} (has: {has}); {_WHERE_TO_GET.get(provider, 'reinstall it')}"
