"""Floating-point operations of an ONNX graph, by the rule of `cost.count_flops` for modules. No torch."""

import math
from collections.abc import Callable, Iterator, Mapping

import onnx
from onnx import inliner

Shape = tuple[int, int, int]
Sizes = Mapping[str, tuple[int, ...]]

# They do products, or hold graphs that may, and are not counted here: a sum without them would be too small.
_NOT_COUNTED = {"LSTM", "GRU", "RNN", "Attention", "DeformConv", "STFT", "DFT", "If", "Loop", "Scan", "SequenceMap"}


class UnknownFlops(Exception):
    """The graph does not tell; the text says why."""


def count_graph_flops(model: onnx.ModelProto, sample: Shape | None = None) -> int:
    """Floating-point operations of one sample: 2 x the multiply-accumulates.

    Convolutions and matrix products count, in 8 bits as well; biases, norms, activations and pooling do not. `sample`
    [C, H, W] stands in where the graph takes images of any size. Raises `UnknownFlops`.
    """
    batch, sizes, nodes = _infer(model, sample)
    total = sum(_flops(node, sizes) for node in nodes)
    return round(total / batch)


def _infer(model: onnx.ModelProto, sample: Shape | None) -> tuple[int, Sizes, list[onnx.NodeProto]]:
    """The batch size (1 where any will do), every shape that can be told, and the nodes."""
    try:
        graph = _hollow(model)
        given = {tensor.name for tensor in graph.graph.initializer}
        images = next(value for value in graph.graph.input if value.name not in given)
        dims = images.type.tensor_type.shape.dim
        for dim, size in zip(dims, (1, *(sample or ())), strict=False):
            if dim.dim_value <= 0:
                dim.dim_value = size
        inferred = onnx.shape_inference.infer_shapes(graph, data_prop=True).graph
    except (onnx.shape_inference.InferenceError, onnx.checker.ValidationError, RuntimeError, ValueError) as error:
        raise UnknownFlops(f"its shapes cannot be inferred: {str(error).strip().partition(chr(10))[0]}") from error
    sizes = {tensor.name: tuple(tensor.dims) for tensor in inferred.initializer}
    sizes |= dict(_told([*inferred.input, *inferred.value_info, *inferred.output]))
    return dims[0].dim_value, sizes, list(inferred.node)


def _hollow(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy to infer shapes in: without weights, without functions, without shapes that name a batch."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for tensor in copy.graph.initializer:
        if tensor.data_type not in (onnx.TensorProto.INT64, onnx.TensorProto.INT32):
            for field in ("raw_data", "float_data", "int32_data", "double_data"):
                tensor.ClearField(field)
    if copy.functions:
        copy = inliner.inline_local_functions(copy)
    del copy.graph.value_info[:]
    for output in copy.graph.output:
        output.type.tensor_type.ClearField("shape")
    return copy


def _told(values: list[onnx.ValueInfoProto]) -> Iterator[tuple[str, tuple[int, ...]]]:
    for value in values:
        tensor = value.type.tensor_type
        if tensor.HasField("shape") and all(dim.HasField("dim_value") for dim in tensor.shape.dim):
            yield value.name, tuple(dim.dim_value for dim in tensor.shape.dim)


def _flops(node: onnx.NodeProto, sizes: Sizes) -> int:
    if node.domain not in ("", "ai.onnx") or node.op_type in _NOT_COUNTED:
        raise UnknownFlops(f"it has operators that are not counted: {node.op_type}")
    return _COUNTED[node.op_type](node, sizes) if node.op_type in _COUNTED else 0


def _size(name: str, sizes: Sizes) -> tuple[int, ...]:
    if name not in sizes:
        raise UnknownFlops(f"the shape of '{name}' is not known before it runs")
    return sizes[name]


def _convolution(weight: int) -> Callable[[onnx.NodeProto, Sizes], int]:
    """Of every output value: all inputs of its group under the kernel; weight [out, in / groups, *kernel]."""
    return lambda node, sizes: (
        2 * math.prod(_size(node.output[0], sizes)) * math.prod(_size(node.input[weight], sizes)[1:])
    )


def _transposed(node: onnx.NodeProto, sizes: Sizes) -> int:
    """Of every input value: all outputs of its group under the kernel; weight [in, out / groups, *kernel]."""
    return 2 * math.prod(_size(node.input[0], sizes)) * math.prod(_size(node.input[1], sizes)[1:])


def _product(node: onnx.NodeProto, sizes: Sizes) -> int:
    return 2 * math.prod(_size(node.output[0], sizes)) * _size(node.input[0], sizes)[-1]


def _gemm(node: onnx.NodeProto, sizes: Sizes) -> int:
    transposed = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
    return 2 * math.prod(_size(node.output[0], sizes)) * _size(node.input[0], sizes)[0 if transposed else 1]


def _einsum(node: onnx.NodeProto, sizes: Sizes) -> int:
    equation = next(attribute.s.decode() for attribute in node.attribute if attribute.name == "equation")
    terms = equation.replace(" ", "").partition("->")[0].split(",")
    if len(terms) == 1:
        return 0
    if len(terms) > 2 or "." in equation:
        raise UnknownFlops(f"it has operators that are not counted: Einsum '{equation}'")
    length = {
        letter: size
        for term, name in zip(terms, node.input, strict=True)
        for letter, size in zip(term, _size(name, sizes), strict=True)
    }
    return 2 * math.prod(length.values())


_COUNTED: Mapping[str, Callable[[onnx.NodeProto, Sizes], int]] = {
    "Conv": _convolution(1),
    "ConvInteger": _convolution(1),
    "QLinearConv": _convolution(3),
    "ConvTranspose": _transposed,
    "MatMul": _product,
    "MatMulInteger": _product,
    "QLinearMatMul": _product,
    "Gemm": _gemm,
    "Einsum": _einsum,
}
