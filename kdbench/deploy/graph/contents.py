"""ONNX graphs as data: their hash without weights, their operators, and files without noise. No torch."""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping

import onnx
from google.protobuf.message import Message  # type: ignore[import-untyped]

# Traces, file names and versions: they tell of the machine that exported rather than of the model.
_NOISE = frozenset({"doc_string", "metadata_props", "producer_name", "producer_version"})

# Initializers of these types are shapes and axes, thus structure. Floats and the integers of quantized models are
# weights, scales and zero points.
_STRUCTURAL = (onnx.TensorProto.INT64, onnx.TensorProto.BOOL)
_FLOATS = tuple(map(onnx.TensorProto.DataType.Value, ("FLOAT", "FLOAT16", "BFLOAT16", "DOUBLE")))
# Of quantized layers; smaller ranks are zero points.
_SMALL = tuple(map(onnx.TensorProto.DataType.Value, ("INT8", "UINT8", "INT4", "UINT4")))


def architecture_of(model: onnx.ModelProto) -> str:
    """16 hex digits that name a graph without its weights: names, shapes and types count, weight values do not.

    Graphs that differ only in floating-point constants (a clip at 4 or at 6) share it: they cost the same.
    """
    digest = hashlib.sha256()
    for opset in sorted(model.opset_import, key=lambda opset: opset.domain):
        digest.update(f"opset {opset.domain} {opset.version}\n".encode())
    graph = model.graph
    for part in (graph.input, graph.output, graph.node, model.functions):
        for message in part:
            bare = type(message)()
            bare.CopyFrom(message)
            strip_noise(bare)
            digest.update(_framed(bare.SerializeToString(deterministic=True)))
    for tensor in sorted(graph.initializer, key=lambda tensor: tensor.name):
        digest.update(_framed(f"{tensor.name} {list(tensor.dims)} {tensor.data_type}".encode()))
        if tensor.data_type in _STRUCTURAL:
            digest.update(_framed(onnx.numpy_helper.to_array(tensor).tobytes()))
    return digest.hexdigest()[:16]


def _framed(content: bytes) -> bytes:
    return len(content).to_bytes(8, "big") + content


def operators_of(model: onnx.ModelProto) -> dict[str, int]:
    """How often each operator occurs, by name; those of the graph itself, before any runtime fuses them."""
    counts = Counter(node.op_type for node in model.graph.node)
    return dict(sorted(counts.items()))


def opset_of(model: onnx.ModelProto) -> int:
    """The version of the standard operators."""
    return int(next(opset.version for opset in model.opset_import if opset.domain in ("", "ai.onnx")))


def strip_noise(message: Message) -> None:
    """Remove documentation, metadata and the exporter's name from a message and all within it, in place."""
    for field, value in message.ListFields():
        if field.name in _NOISE:
            message.ClearField(field.name)
        elif isinstance(value, Message):
            strip_noise(value)
        elif field.message_type is not None:
            for item in value:
                strip_noise(item)


def with_weights(model: onnx.ModelProto, weights: Mapping[str, bytes]) -> onnx.ModelProto:
    """A copy of the model whose initializers of these names hold these bytes."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for tensor in copy.graph.initializer:
        if tensor.name in weights:
            tensor.raw_data = weights[tensor.name]
    return copy


def without_weights(model: onnx.ModelProto, names: Iterable[str]) -> onnx.ModelProto:
    """A copy of the model whose initializers of these names hold no bytes."""
    return with_weights(model, dict.fromkeys(names, b""))


def initializer_bytes(model: onnx.ModelProto) -> dict[str, bytes]:
    """The little-endian content of every initializer, by name."""
    return {tensor.name: onnx.numpy_helper.to_array(tensor).tobytes() for tensor in model.graph.initializer}


def count_weights(model: onnx.ModelProto) -> int:
    """Elements of float initializers and of 4- and 8-bit weights; statistics of BatchNorm are among them."""
    return sum(math.prod(tensor.dims) for tensor in model.graph.initializer if _is_weight(tensor))


def _is_weight(tensor: onnx.TensorProto) -> bool:
    return tensor.data_type in _FLOATS or (tensor.data_type in _SMALL and len(tensor.dims) > 1)
