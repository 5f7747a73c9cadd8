"""The deployable artifact: ONNX export, parity, cost, accuracy and latency of the exported file.

Names are looked up when they are used, because the latency worker lives in this package and must not import torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kdbench.deploy.compare import compare_latency
    from kdbench.deploy.cost import count_flops, count_parameters
    from kdbench.deploy.evaluate import evaluate_onnx
    from kdbench.deploy.export import ExportError, export_onnx
    from kdbench.deploy.graph import architecture_of, operators_of
    from kdbench.deploy.latency import measure_latency
    from kdbench.deploy.parity import ParityError, check_parity
    from kdbench.deploy.providers import PROVIDERS

__all__ = [
    "PROVIDERS", "ExportError", "ParityError", "architecture_of", "check_parity", "compare_latency", "count_flops",
    "count_parameters", "evaluate_onnx", "export_onnx", "measure_latency", "operators_of",
]  # fmt: skip

_HOMES = {
    "PROVIDERS": "providers",
    "ExportError": "export",
    "ParityError": "parity",
    "architecture_of": "graph",
    "check_parity": "parity",
    "compare_latency": "compare",
    "count_flops": "cost",
    "count_parameters": "cost",
    "evaluate_onnx": "evaluate",
    "export_onnx": "export",
    "measure_latency": "latency",
    "operators_of": "graph",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
