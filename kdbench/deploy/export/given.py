"""A network that came as an ONNX file, written as exported files are: the batch has the name that sessions fix."""

import hashlib
from pathlib import Path

import onnx

from kdbench.deploy.export.export import ExportError, Shape
from kdbench.deploy.graph.contents import architecture_of, count_weights, initializer_bytes, operators_of, opset_of
from kdbench.deploy.graph.flops import UnknownFlops, count_graph_flops
from kdbench.deploy.runtime import BATCH
from kdbench.results import ModelFacts


def write_given(content: bytes, shape: Shape, path: Path) -> ModelFacts:
    """Write the file to `path`; what it computes is unchanged. Raises `ExportError`."""
    model = onnx.load_model_from_string(content)
    held = initializer_bytes(model)
    for value in (*model.graph.input, *model.graph.output):
        dims = value.type.tensor_type.shape.dim
        if value.name not in held and dims:
            dims[0].dim_param = BATCH
    try:
        flops = count_graph_flops(model, shape)
    except UnknownFlops as error:
        raise ExportError(f"its FLOPs cannot be counted: {error}") from error
    written = model.SerializeToString(deterministic=True)
    path.write_bytes(written)
    weights = hashlib.sha256()
    for name, values in sorted(held.items()):
        weights.update(f"{name} {len(values)}\n".encode() + values)
    return ModelFacts(
        architecture=architecture_of(model),
        parameters=count_weights(model),
        flops=flops,
        onnx_bytes=len(written),
        onnx_sha256=hashlib.sha256(written).hexdigest(),
        weights_sha256=weights.hexdigest(),
        operators=operators_of(model),
        opset=opset_of(model),
    )
