"""The execution providers of ONNX Runtime by the short names that a suite uses. Imports nothing heavy."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec

PROVIDERS: Mapping[str, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "tensorrt_rtx": "NvTensorRTRTXExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "webgpu": "WebGpuExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "dml": "DmlExecutionProvider",
    "xnnpack": "XnnpackExecutionProvider",
}

# The Python packages of those that are plug-ins.
PLUGINS: Mapping[str, str] = {
    "openvino": "onnxruntime_ep_openvino",
    "tensorrt_rtx": "onnxruntime_ep_nv_tensorrt_rtx",
    "webgpu": "onnxruntime_ep_webgpu",
}

# Where their tensors live, as ONNX Runtime names it.
DEVICES: Mapping[str, str] = {"cuda": "cuda", "tensorrt": "cuda"}

# These run a whole model or none of it. The others hand operators they lack to the CPU by design.
WHOLE_MODEL = ("cuda", "tensorrt", "tensorrt_rtx")  # `spec.types.ON_NVIDIA`, without importing pydantic for --help

# onnxruntime and onnxruntime-gpu are one module in two wheels: installed at once, they overwrite each other's files.
# Those of other makers are plug-ins, packages beside either of the two.
_WHERE_TO_GET = {
    "cuda": "pip uninstall onnxruntime && pip install 'onnxruntime-gpu[cuda,cudnn]'",
    "tensorrt": "pip uninstall onnxruntime && pip install onnxruntime-gpu, with TensorRT installed",
    "tensorrt_rtx": "pip install onnxruntime-ep-nv-tensorrt-rtx",
    "openvino": "pip install onnxruntime-ep-openvino, for processors and graphics of Intel",
    "webgpu": "pip install onnxruntime-ep-webgpu; on Linux with libvulkan1",
    "coreml": "it is in the macOS wheels of onnxruntime",
    "dml": "its wheel, onnxruntime-directml, ended with 1.24 on Windows, which is older than kdbench needs",
    "xnnpack": "it is in the Android and iOS packages, or in a build with --use_xnnpack",
}


def has_plugin(provider: str) -> bool:
    """Whether the package of a provider by its short name is installed; nothing of it is loaded."""
    return provider in PLUGINS and find_spec(PLUGINS[provider]) is not None


def why_missing(provider: str, available: Sequence[str]) -> str:
    """The reason, and the next step, where `available` lacks the provider with this short name."""
    has = ", ".join(name for name in available if name in PROVIDERS.values()) or "none"
    return f"this onnxruntime has no {PROVIDERS[provider]} (has: {has}); {_WHERE_TO_GET.get(provider, 'reinstall it')}"
