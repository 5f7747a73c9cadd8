import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from kdbench.deploy.graph.contents import (
    architecture_of,
    count_weights,
    initializer_bytes,
    operators_of,
    opset_of,
    strip_noise,
    with_weights,
)


def graph(weight: float = 1.0, shape: tuple[int, int] = (-1, 4), width: int = 4, opset: int = 20) -> onnx.ModelProto:
    nodes = [
        helper.make_node("Reshape", ["images", "shape"], ["flat"], doc_string="File /home/someone/model.py, line 3"),
        helper.make_node("MatMul", ["flat", "weight"], ["logits"]),
    ]
    initializers = [
        numpy_helper.from_array(np.array(shape, dtype=np.int64), "shape"),
        numpy_helper.from_array(np.full((4, width), weight, dtype=np.float32), "weight"),
    ]
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 1, 2, 2])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", width])
    inner = helper.make_graph(nodes, "main", [images], [logits], initializers)
    return helper.make_model(inner, opset_imports=[helper.make_opsetid("", opset)], producer_name="someone")


def test_weight_values_do_not_name_an_architecture_and_all_else_does():
    same = architecture_of(graph())
    assert len(same) == 16
    assert architecture_of(graph(weight=2.0)) == same
    for other in (graph(shape=(-1, 2)), graph(width=5), graph(opset=21)):
        assert architecture_of(other) != same


def test_an_attribute_is_structure():
    other = graph()
    other.graph.node[1].op_type = "Gemm"
    assert architecture_of(other) != architecture_of(graph())


def test_noise_does_not_count_and_can_be_stripped():
    noisy, clean = graph(), graph()
    noisy.graph.node[0].metadata_props.add(key="pkg.torch.onnx.stack_trace", value="File /home/someone")
    strip_noise(clean)
    assert architecture_of(noisy) == architecture_of(clean)
    assert b"someone" in noisy.SerializeToString()
    assert b"someone" not in clean.SerializeToString()
    assert b"stack_trace" in noisy.SerializeToString(), "hashing must not change the model"


def test_operators_and_opset():
    assert operators_of(graph()) == {"MatMul": 1, "Reshape": 1}
    assert opset_of(graph(opset=21)) == 21


def test_weights_are_exchanged_in_a_copy():
    before = graph(weight=1.0)
    after = with_weights(before, {"weight": initializer_bytes(graph(weight=3.0))["weight"]})
    assert after.SerializeToString() == graph(weight=3.0).SerializeToString()
    assert before.SerializeToString() == graph(weight=1.0).SerializeToString()


def test_floats_and_eight_bit_weights_are_counted_and_no_shapes():
    model = graph()  # of 4 x 4 floats, and a shape
    model.graph.initializer.append(numpy_helper.from_array(np.zeros((5, 3), dtype=np.int8), "quantized"))
    model.graph.initializer.append(numpy_helper.from_array(np.zeros(5, dtype=np.int8), "zero_point"))
    assert count_weights(model) == 16 + 15
