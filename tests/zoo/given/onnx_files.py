"""ONNX files that are made by hand: linear classifiers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

SHAPE = (1, 8, 8)


def linear(
    weight: NDArray[np.float32], batch: Any = "N", shape: tuple[int, int, int] = SHAPE, softmax: bool = False
) -> bytes:
    """weight [pixels, classes] times the flattened images."""
    classes = weight.shape[1]
    nodes = [helper.make_node("Flatten", ["x"], ["flat"]), helper.make_node("Gemm", ["flat", "weight"], ["y"])]
    if softmax:
        nodes.append(helper.make_node("Softmax", ["y"], ["p"]))
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, *shape])
    gives = helper.make_tensor_value_info("p" if softmax else "y", TensorProto.FLOAT, [batch, classes])
    graph = helper.make_graph(nodes, "main", [given], [gives], [numpy_helper.from_array(weight, "weight")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return bytes(model.SerializeToString())


def random_weight(classes: int = 10, pixels: int = 64) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(pixels, classes)).astype(np.float32)
