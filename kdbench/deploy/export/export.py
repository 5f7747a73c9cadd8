"""From a trained module to one self-contained ONNX file, the same bytes for the same weights on every machine.

The exporter's own optimizer folds BatchNorm into convolutions, drops zero biases and merges equal initializers: its
graph depends on the *values* of the weights. Here the weights are graph inputs while it runs, so that it can only fold
what does not depend on them. ONNX Runtime folds the rest when it loads the file, at equal speed: a small resnet takes
232 us folded by the exporter, 231 us so, and 432 us as exported without any optimizer (one thread, batch 1).
Hence all students of one architecture have one graph, and a graph once exported takes the weights of the next student.
"""

import contextlib
import hashlib
import io
import logging
import warnings
from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
from torch import nn

from kdbench.deploy.export.cost import count_flops, count_parameters
from kdbench.deploy.export.frozen import frozen_copy
from kdbench.deploy.export.identity import identity_of, tensor_bytes
from kdbench.deploy.graph.contents import (
    architecture_of,
    initializer_bytes,
    operators_of,
    opset_of,
    strip_noise,
    with_weights,
    without_weights,
)
from kdbench.deploy.runtime import INPUT, OUTPUT
from kdbench.results import ModelFacts

OPSET = 20
MOST_BYTES = 2**31 - 2**20  # a protobuf message ends at 2 GiB; the graph itself needs some of it

Shape = tuple[int, int, int]


class ExportError(Exception):
    """The model has no ONNX file; the text says why."""


@dataclass(frozen=True)
class _Exported:
    hollow: onnx.ModelProto  # without the weights
    weights: tuple[str, ...]  # the initializers that were taken out


# The first export of a process takes some 5 s and each further one 1 s: once per architecture is enough.
_EXPORTED: dict[Hashable, _Exported] = {}


def export_onnx(model: nn.Module, shape: Shape, path: Path) -> ModelFacts:
    """Write the model for inputs `images` [batch, C, H, W] and outputs `logits` [batch, classes] to `path`.

    The model itself is left as it was. Raises `ExportError`.
    """
    twin = frozen_copy(model)
    weights = {name: tensor_bytes(tensor) for name, tensor in twin.state_dict().items()}
    _refuse_large(sum(map(len, weights.values())))
    graph = _graph(twin, shape, weights)
    content = graph.SerializeToString(deterministic=True)
    _refuse_large(len(content))
    path.write_bytes(content)
    return ModelFacts(
        architecture=architecture_of(graph),
        parameters=count_parameters(model),
        flops=count_flops(twin, shape),
        onnx_bytes=len(content),
        onnx_sha256=hashlib.sha256(content).hexdigest(),
        weights_sha256=hash_weights(twin),
        operators=operators_of(graph),
        opset=opset_of(graph),
    )


def hash_weights(model: nn.Module) -> str:
    """The SHA-256 of a network's state dict: see `hash_state`."""
    return hash_state(model.state_dict())


def hash_state(state: Mapping[str, torch.Tensor]) -> str:
    """The SHA-256 of names, types, shapes and values, in the order of the names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor_bytes(tensor.cpu()))
    return digest.hexdigest()


def _graph(twin: nn.Module, shape: Shape, weights: Mapping[str, bytes]) -> onnx.ModelProto:
    """The graph with its weights: an earlier one of the same architecture refilled, or exported anew."""
    identity = identity_of(twin, shape)
    known = _EXPORTED.get(identity) if identity is not None else None
    if known is not None:
        return with_weights(known.hollow, {name: weights[name] for name in known.weights})
    graph = build_graph(twin, shape)
    names = _exchangeable(graph, weights)
    if identity is not None and names is not None:
        _EXPORTED[identity] = _Exported(without_weights(graph, names), names)
    return graph


def _exchangeable(graph: onnx.ModelProto, weights: Mapping[str, bytes]) -> tuple[str, ...] | None:
    """The initializers that are entries of the state dict; none where one of them is not its entry bit for bit."""
    held = initializer_bytes(graph)
    names = tuple(name for name in held if name in weights)
    raw = {tensor.name for tensor in graph.graph.initializer if tensor.HasField("raw_data")}
    return names if all(held[name] == weights[name] and name in raw for name in names) else None


def build_graph(model: nn.Module, shape: Shape) -> onnx.ModelProto:
    """Export a frozen model anew, whatever was exported before. Raises `ExportError`."""
    images = torch.zeros(2, *shape)  # 2: the exporter takes a dimension of 1 for a constant
    try:
        with torch.no_grad(), _silence():
            program = torch.onnx.export(
                model,
                (images,),
                dynamo=True,
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                optimize=False,
                verbose=False,
            )
            if program is None:
                raise ExportError(f"the exporter gave no graph for {type(model).__name__}")
            _optimize_around_weights(program, model.state_dict().keys())
            graph = program.model_proto
    except torch.onnx.OnnxExporterError as error:
        cause = str(error.__cause__ or error).strip().partition("\n")[0]
        raise ExportError(f"cannot export {type(model).__name__} to ONNX: {cause}") from error
    strip_noise(graph)
    return graph


def _optimize_around_weights(program: torch.onnx.ONNXProgram, names: Collection[str]) -> None:
    """Let the exporter's optimizer run while the initializers of these names are inputs, thus unknown to it."""
    graph = program.model.graph
    values = {}
    for name in [name for name in graph.initializers if name in names]:
        weight = graph.initializers.pop(name)
        values[name], weight.const_value = weight.const_value, None
        graph.inputs.append(weight)
    program.optimize()
    graph = program.model.graph
    inputs = {value.name: value for value in graph.inputs}
    for name, value in values.items():
        weight = inputs[name]
        graph.inputs.remove(weight)
        if weight.uses():  # what the forward does not read (a counter of batches) stays out of the file
            weight.const_value = value
            graph.initializers[name] = weight


def _refuse_large(size: int) -> None:
    if size > MOST_BYTES:
        raise ExportError(f"the model takes {size / 1e9:.1f} GB, and one ONNX file holds at most 2 GB")


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """The exporter prints, warns and logs a lot; what matters of it comes as an exception."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        said = io.StringIO()
        with warnings.catch_warnings(), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
