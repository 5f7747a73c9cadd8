"""An ONNX classifier that the user brings: what it is, or in one sentence why it cannot be measured. No torch."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from kdbench.deploy.foreign.file import read_model
from kdbench.deploy.foreign.run import run_once
from kdbench.deploy.graph.contents import architecture_of, count_weights, operators_of, opset_of
from kdbench.deploy.graph.flops import Shape, UnknownFlops, count_graph_flops
from kdbench.deploy.runtime.dependence import Dependence
from kdbench.results.machine.processor import instruction_set, int8_saturates
from kdbench.spec import UserError

ONCE = "a second call gives others, and its accuracy is of one call a sample"
IN_INT8 = {"ConvInteger", "DynamicQuantizeLinear", "MatMulInteger", "QLinearConv", "QLinearMatMul", "QuantizeLinear"}


@dataclass(frozen=True)
class ForeignModel:
    """A model that runs on this machine's CPU, with the facts that need no data."""

    input: str
    output: str  # the logits
    input_shape: tuple[int | None, ...]  # batch, channels, height, width; None: any
    batch_name: str | None  # of the dimension, for a session that fixes it; None: it has none
    fixed_batch: int | None  # the only batch size that it takes; None: any
    classes: int | None  # None where it cannot be told without knowing the size of an image
    probabilities: bool  # whether it seems to give these rather than logits
    depends: Dependence | None  # what its logits depend on besides each image, in random ones; None: nothing was seen
    parameters: int  # elements of float initializers and of 4- and 8-bit weights, statistics of BatchNorm included
    flops: int | None  # of one sample
    flops_reason: str | None  # why there are none
    onnx_bytes: int  # with external data
    sha256: str  # of the file, followed by its external data
    operators: dict[str, int]
    opset: int
    architecture: str
    notes: tuple[str, ...]  # what looks odd


def inspect_model(path: Path, sample: Shape | None = None) -> ForeignModel:
    """Check and describe the model in `path`; `sample` [C, H, W] is an image of the data it is to be measured on.

    Without `sample` a model for images of any size is opened, and not run. Raises `UserError`.
    """
    model, size, sha256 = read_model(path)
    entry = _input(path, model)
    dims = entry.type.tensor_type.shape.dim
    declared = tuple(dim.dim_value if dim.dim_value > 0 else None for dim in dims)
    shape = _with_sample(path, declared, sample)
    flops, reason = _flops(model, sample)
    found = run_once(path, None if None in shape[1:] else shape, _operations(model, flops, shape))
    output = _output(path, found["outputs"], found["batch"])
    batch = declared[0] or (1 if found["batch"] == 1 else None)
    last = output["shape"][1]
    return ForeignModel(
        input=entry.name,
        output=output["name"],
        input_shape=declared,
        batch_name=dims[0].dim_param or None,
        fixed_batch=batch,
        classes=last if isinstance(last, int) else None,
        probabilities=bool(output.get("probabilities")),
        depends=output.get("depends"),
        parameters=count_weights(model),
        flops=flops,
        flops_reason=reason,
        onnx_bytes=size,
        sha256=sha256,
        operators=operators_of(model),
        opset=opset_of(model),
        architecture=architecture_of(model),
        notes=(*_notes(declared, batch, found["batch"], output, len(found["outputs"])), *_of_int8(model)),
    )


def _flops(model: onnx.ModelProto, sample: Shape | None) -> tuple[int | None, str | None]:
    try:
        return count_graph_flops(model, sample), None
    except UnknownFlops as error:
        return None, str(error)


def _operations(model: onnx.ModelProto, flops: int | None, shape: tuple[int | None, ...]) -> int:
    """Of a call with one image, or with the only batch size. Where the graph does not tell, it is taken to use each
    weight at each pixel, which few do."""
    if flops is None:
        flops = 2 * count_weights(model) * math.prod(size or 1 for size in shape[2:])
    return (shape[0] or 1) * flops


def _input(path: Path, model: onnx.ModelProto) -> onnx.ValueInfoProto:
    initial = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in initial]
    if len(inputs) != 1:
        names = ", ".join(f"'{value.name}'" for value in inputs) or "none"
        raise UserError(
            f"'{path}' has {len(inputs)} inputs ({names}); allowed is one, with images",
            help="export a model that takes a batch of images [batch, channels, height, width] alone",
        )
    entry: onnx.ValueInfoProto = inputs[0]
    tensor = entry.type.tensor_type
    kinds = {number: name.lower() for name, number in onnx.TensorProto.DataType.items()}
    kind = kinds.get(tensor.elem_type, f"type {tensor.elem_type}") if tensor.elem_type else "no tensor"
    if kind != "float":
        raise UserError(
            f"input '{entry.name}' of '{path}' takes {kind}; allowed is float (32 bits)",
            help="kdbench gives normalized float32 images: export the model with such an input, casting inside of it",
        )
    if (rank := len(tensor.shape.dim)) != 4 or not tensor.HasField("shape"):
        got = f"{rank} dimensions" if tensor.HasField("shape") else "an unknown number of dimensions"
        raise UserError(
            f"input '{entry.name}' of '{path}' has {got}; allowed are four: [batch, channels, height, width]",
            help="export the model with such an input, reshaping inside of it",
        )
    return entry


def _with_sample(path: Path, declared: tuple[int | None, ...], sample: Shape | None) -> tuple[int | None, ...]:
    """The declared shape with the sizes of a sample where any will do."""
    if sample is None:
        return declared
    if any(size not in (None, got) for size, got in zip(declared[1:], sample, strict=True)):
        wanted, got = ("x".join(str(size or "any") for size in sizes) for sizes in (declared[1:], sample))
        last = declared[3] == sample[0] and declared[1] != sample[0]
        advice = "export the model with channels first" if last else "export the model for that size"
        raise UserError(f"'{path}' takes images of {wanted}, and the data has {got}", help=advice)
    return declared[0], *sample


def _output(path: Path, outputs: list[dict[str, Any]], batch: int | None) -> dict[str, Any]:
    """The one that can be logits, of a batch of so many images."""
    advice = "export the model with its logits as the only output"
    able = [
        output
        for output in outputs
        if output["type"] == "tensor(float)" and len(output["shape"]) == 2 and batch in (None, output["shape"][0])
    ]
    if len(able) != 1:
        listed = ", ".join(f"'{o['name']}' {o['type'][7:-1]} {o['shape']}" for o in outputs) or "none"
        given = "" if batch is None else f" of a batch of {batch}"
        raise UserError(
            f"'{path}' has {len(able)} outputs that can be logits (its outputs{given}: {listed}); "
            "allowed is one of float (32 bits) with two dimensions: [batch, classes]",
            help=advice,
        )
    classes = able[0]["shape"][1]
    if isinstance(classes, int) and classes < 2:
        raise UserError(
            f"'{path}' gives logits of {classes} classes; allowed are those of two or more classes", help=advice
        )
    return able[0]


def _of_int8(model: onnx.ModelProto) -> list[str]:
    if not IN_INT8 & operators_of(model).keys() or int8_saturates(instruction_set()) is False:
        return []
    return ["its sums of 8-bit products may saturate on this processor, and its accuracy be better on others"]


def _notes(
    declared: tuple[int | None, ...], batch: int | None, ran: int | None, output: dict[str, Any], outputs: int
) -> list[str]:
    notes = []
    if batch is not None:
        why = "is exported for" if declared[0] else "says that it takes any batch, and runs only with"
        notes.append(f"the model {why} a batch of {batch}: other batch sizes cannot be measured")
    if ran is None:
        notes.append("the model takes images of any size, and was not run")
    if outputs > 1:
        notes.append(f"of {outputs} outputs, '{output['name']}' is taken for the logits")
    if not output.get("finite", True):
        notes.append("on random images the model gives values that are not finite")
    if on := output.get("depends"):
        of = f"batches of {batch}, in the order of the test split" if batch else "samples one by one"
        notes.append(f"its logits depend on {on}: {ONCE if on == 'chance' else f'its accuracy is of {of}'}")
    if output.get("probabilities"):
        notes.append("the model gives probabilities rather than logits: its cross-entropy will not be one")
    return notes
