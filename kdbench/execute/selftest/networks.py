"""Networks that differ in nothing but how much work they do: chains of like layers, written as ONNX files."""

import math
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from kdbench.deploy.runtime import BATCH

LAYERS = 100  # so that one more is one percent more work
CHANNELS, SIDE = 8, 8  # a call takes a quarter of a millisecond: what calling costs is hardly one percent of it
SHAPE = (CHANNELS, SIDE, SIDE)
OPSET, IR_VERSION = 18, 9


def write_chain(path: Path, work: float = 1.0) -> None:
    """A chain of convolutions, each with its ReLU: the work is a share of `LAYERS` layers. Always the same weights."""
    random = np.random.default_rng(0)
    scale = math.sqrt(2 / (9 * CHANNELS))  # He et al. 2015: no activation is denormal after hundreds of layers
    weights, nodes, last = [], [], "input"
    for at in range(layers_of(work)):
        kernel = scale * random.standard_normal((CHANNELS, CHANNELS, 3, 3))
        weights.append(numpy_helper.from_array(kernel.astype(np.float32), f"kernel{at}"))
        nodes.append(helper.make_node("Conv", [last, f"kernel{at}"], [f"conv{at}"], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"conv{at}"], [f"relu{at}"]))
        last = f"relu{at}"
    nodes.append(helper.make_node("GlobalAveragePool", [last], ["pooled"]))
    nodes.append(helper.make_node("Flatten", ["pooled"], ["logits"]))
    ends = (
        helper.make_tensor_value_info("input", TensorProto.FLOAT, [BATCH, *SHAPE]),
        helper.make_tensor_value_info("logits", TensorProto.FLOAT, [BATCH, CHANNELS]),
    )
    graph = helper.make_graph(nodes, "chain", [ends[0]], [ends[1]], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION), path)


def layers_of(work: float) -> int:
    """How many layers are so much work."""
    return round(work * LAYERS)
