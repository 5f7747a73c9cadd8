"""From a network that was trained as if in 8 bits to one ONNX file that computes in 8 bits."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import nn

from kdbench.deploy.export.export import Shape, build_graph
from kdbench.deploy.export.frozen import frozen_copy
from kdbench.deploy.export.parity import BATCH, ParityError
from kdbench.deploy.runtime.session import configure_cpu, open_session, predict

# Root mean square of the differences between torch and ONNX Runtime, in SDs of the logits. What lies between two steps
# may be rounded up in one and down in the other, and so on in the next layer: resnet8, resnet20 and resnet56
# differ by .0015, .005 and .026 SD; the rounding itself moves their logits by .026, .038 and .085 SD.
ROUNDING_TOLERANCE = 0.05
WEIGHTED = ("Conv", "Gemm", "MatMul")


def export_quantized(model: nn.Module, shape: Shape, path: Path) -> None:
    """Write a model whose graph holds QuantizeLinear and DequantizeLinear, its weights as integers, to `path`.

    Raises `ExportError`.
    """
    twin = frozen_copy(model)
    with torch.no_grad():
        twin(torch.zeros(1, *shape))  # from which it knows its scales
    graph = build_graph(twin, shape)
    store_integers(graph)
    path.write_bytes(graph.SerializeToString(deterministic=True))


def store_integers(model: onnx.ModelProto) -> None:
    """Keep rounded weights as 8-bit integers and the biases of their layers as 32-bit ones, in place.

    Every rounding gets its own scale and zero point: the exporter shares those that are equal, so that the graph of
    one seed would differ from that of another.
    """
    graph = model.graph
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    scales: dict[str, NDArray[np.float32]] = {}  # by the name of what is dequantized
    for rounds, restores in list(_pairs(graph)):
        scale, zero = values[rounds.input[1]], values[rounds.input[2]]
        scales[restores.output[0]] = scale
        names = [f"{rounds.output[0]}.{part}" for part in ("scale", "zero")]
        _keep(graph, values, dict(zip(names, (scale, zero), strict=True)))
        rounds.input[1:], restores.input[1:] = names, names
        if rounds.input[0] in values:
            weight = rounds.input[0]
            steps = values[weight] / scale.reshape(-1, *[1] * (values[weight].ndim - 1))
            restores.input[0] = f"{weight}.int8"
            _keep(graph, values, {restores.input[0]: np.rint(steps).astype(np.int8)})
            graph.node.remove(rounds)
    for index, node in reversed(list(enumerate(graph.node))):
        if node.op_type in WEIGHTED and len(node.input) > 2 and {*node.input[:2]} <= scales.keys():
            bias, scale = node.input[2], scales[node.input[0]] * scales[node.input[1]]
            names = [f"{bias}.int32", f"{bias}.scale"]
            _keep(graph, values, {names[0]: np.rint(values[bias] / scale).astype(np.int32), names[1]: scale})
            node.input[2] = f"{bias}.rounded"
            graph.node.insert(index, onnx.helper.make_node("DequantizeLinear", names, [node.input[2]], axis=0))
    _drop_unused(graph)


def _pairs(graph: onnx.GraphProto) -> Iterator[tuple[onnx.NodeProto, onnx.NodeProto]]:
    """Each QuantizeLinear with the DequantizeLinear that follows it."""
    restores = {node.input[0]: node for node in graph.node if node.op_type == "DequantizeLinear"}
    return ((node, restores[node.output[0]]) for node in graph.node if node.op_type == "QuantizeLinear")


def _keep(graph: onnx.GraphProto, values: dict[str, NDArray[np.generic]], new: dict[str, NDArray[np.generic]]) -> None:
    graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in new.items())
    values |= new


def _drop_unused(graph: onnx.GraphProto) -> None:
    used = {name for node in graph.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def check_rounding(model: nn.Module, onnx_path: Path, images: NDArray[np.float32]) -> None:
    """Compare logits of a model under fake quantization with those of its file, on images [N, C, H, W].

    Single values may fall on either side of a step, so a few logits may differ, and top-1 where two classes are close.
    Raises `ParityError` where the root mean square of the differences is over 5 % of the logits' standard deviation.
    """
    samples = torch.as_tensor(images)
    with torch.no_grad():
        twin = frozen_copy(model)
        expected = torch.cat([twin(samples[at : at + BATCH]) for at in range(0, len(samples), BATCH)]).numpy()
    got = predict(open_session(onnx_path, configure_cpu()), images, BATCH)
    difference = float(np.sqrt(np.mean((got - expected) ** 2)))
    tolerance = ROUNDING_TOLERANCE * float(expected.std())
    if not difference <= tolerance:  # written so that a NaN, which is under no limit, fails
        flips = int((expected.argmax(axis=1) != got.argmax(axis=1)).sum())
        raise ParityError(
            f"the 8-bit file differs from its training in torch on {len(images)} samples: root mean square of a "
            f"logit's difference {difference:.3g}, allowed {tolerance:.3g}; top-1 flips {flips}"
        )
