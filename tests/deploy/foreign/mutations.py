"""ONNX files that somebody damaged, or made to do harm: one to three changes of sound ones."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from google.protobuf.descriptor import FieldDescriptor  # type: ignore[import-untyped]
from google.protobuf.message import Message  # type: ignore[import-untyped]
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

SHAPE = (1, 4, 4)
NUMBERS = (0, 1, -1, 2, 7, 2**31 - 1, 2**31, -(2**31), 2**40, 2**63 - 1, -(2**63), 2**64 - 1)
NAMES = ("", "x", "y", "Loop", "../x", "/etc/passwd", "\0", "n" * 5000, "a/" * 2000, "C:\\x", "-1", str(2**70), "∞")
CONTENTS = (b"", b"\0", b"\xff" * 64, bytes(4096))


BESIDE = "weights.bin"
WEIGHTS = np.random.default_rng(0).normal(size=(16, 3)).astype(np.float32)


def sound() -> tuple[onnx.ModelProto, ...]:
    """A linear network, one with a convolution and a branch, one whose layer is a function, one whose weights lie
    beside it in `BESIDE`."""
    weight = numpy_helper.from_array(WEIGHTS, "weight")
    flatten, gemm = helper.make_node("Flatten", ["x"], ["flat"]), helper.make_node("Gemm", ["flat", "weight"], ["y"])
    kernel = numpy_helper.from_array(np.ones((1, 1, 3, 3), dtype=np.float32), "kernel")
    branch = helper.make_graph([helper.make_node("Relu", ["mapped"], ["kept"])], "branch", [], [_value("kept", None)])
    deep = [
        helper.make_node("Conv", ["x", "kernel"], ["mapped"], pads=[1, 1, 1, 1]),
        helper.make_node("If", ["true"], ["chosen"], then_branch=branch, else_branch=branch),
        helper.make_node("Flatten", ["chosen"], ["flat"]),
        gemm,
    ]
    product = [helper.make_node("MatMul", ["a", "b"], ["c"])]
    layer = helper.make_function("mine", "Layer", ["a", "b"], ["c"], product, _opsets())
    called = [flatten, helper.make_node("Layer", ["flat", "weight"], ["y"], domain="mine")]
    beside = TensorProto(name="weight", data_type=TensorProto.FLOAT, dims=WEIGHTS.shape, raw_data=b" ")
    onnx.external_data_helper.set_external_data(beside, BESIDE, 0, WEIGHTS.nbytes)
    beside.ClearField("raw_data")
    return (
        _model([flatten, gemm], [weight]),
        _model(deep, [weight, kernel, numpy_helper.from_array(np.array(True), "true")]),
        _model(called, [weight], [layer]),
        _model([flatten, gemm], [beside]),
    )


def nested(depth: int, *, circle: bool = False) -> onnx.ModelProto:
    """A network that calls a function of two calls of a function of two calls, and so on, to a ReLU at the end."""
    last = helper.make_node(*((f"f{depth}", ["a"], ["b"]) if circle else ("Relu", ["a"], ["b"])))
    last.domain = "mine" if circle else ""
    functions = [helper.make_function("mine", "f0", ["a"], ["b"], [last], _opsets())]
    for level in range(depth):
        ends = (("a", "t"), ("t", "b"))
        calls = [helper.make_node(f"f{level}", [before], [after], domain="mine") for before, after in ends]
        functions.append(helper.make_function("mine", f"f{level + 1}", ["a"], ["b"], calls, _opsets()))
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"]),
        helper.make_node(f"f{depth}", ["flat"], ["g"], domain="mine"),
        helper.make_node("MatMul", ["g", "weight"], ["y"]),
    ]
    return _model(nodes, [numpy_helper.from_array(WEIGHTS, "weight")], functions)


def repeating(once_for_one_image: bool) -> onnx.ModelProto:
    """A network with a loop of 2**40 rounds; where it is to be quick for one image, of that many for each further one."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Relu", ["before"], ["after"])],
        "body",
        [
            helper.make_tensor_value_info("number", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            _value("before", None),
        ],
        [helper.make_tensor_value_info("on", TensorProto.BOOL, []), _value("after", None)],
    )
    constants = {"many": 2**40, "first": 0, "one": int(once_for_one_image)}
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"]),
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "first"], ["count"]),
        helper.make_node("Sub", ["count", "one"], ["further"]),
        helper.make_node("Mul", ["further", "many"], ["rounds"]),
        helper.make_node("Loop", ["rounds", "", "flat"], ["looped"], body=body),
        helper.make_node("Gemm", ["looped", "weight"], ["y"]),
    ]
    tensors = [numpy_helper.from_array(np.array(value), name) for name, value in constants.items()]
    return _model(nodes, [numpy_helper.from_array(WEIGHTS, "weight"), *tensors])


def _value(name: str, shape: list[Any] | None) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _opsets() -> list[onnx.OperatorSetIdProto]:
    return [helper.make_opsetid("", 20), helper.make_opsetid("mine", 1)]


def _model(nodes: list[onnx.NodeProto], tensors: list[TensorProto], functions: Any = ()) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "main", [_value("x", ["N", *SHAPE])], [_value("y", ["N", 3])], tensors)
    return helper.make_model(graph, opset_imports=_opsets(), ir_version=10, functions=functions)


SOUND = sound()


def _places(message: Message) -> Iterator[tuple[Message, FieldDescriptor]]:
    """Every field of a message and of all within it, set or not."""
    for field in message.DESCRIPTOR.fields:
        yield message, field
    for field, value in message.ListFields():
        if field.message_type is not None:
            for item in [value] if isinstance(value, Message) else value:
                yield from _places(item)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """The bytes of a file of which one to three places were changed."""
    model = onnx.ModelProto()
    model.CopyFrom(draw(st.sampled_from(SOUND)))
    for _ in range(draw(st.integers(1, 3))):
        _change(draw, model)
    content = bytes(model.SerializeToString())
    if draw(st.integers(0, 3)):
        return content
    at, length = draw(st.integers(0, len(content))), draw(st.integers(0, 8))
    return content[:at] + draw(st.binary(max_size=8)) + content[at + length :]


def _change(draw: st.DrawFn, model: onnx.ModelProto) -> None:
    """Another value in one field: another one of its kind, none, or one twice."""
    message, field = draw(st.sampled_from(list(_places(model))))
    values = _values(field)
    several = field.is_repeated
    what = draw(st.sampled_from(["clear", "set", "set", "again"]))
    if what == "clear":
        message.ClearField(field.name)
    elif field.message_type is None and not several:
        setattr(message, field.name, draw(st.sampled_from(values)))
    elif field.message_type is None:
        getattr(message, field.name).append(draw(st.sampled_from(values)))
    elif several and (held := getattr(message, field.name)):
        held.add().CopyFrom(held[draw(st.integers(0, len(held) - 1))])
        if what == "set":
            del held[0]


def _values(field: FieldDescriptor) -> tuple[Any, ...]:
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING:
            return CONTENTS if field.type == FieldDescriptor.TYPE_BYTES else NAMES
        case FieldDescriptor.CPPTYPE_INT32:
            return tuple(n for n in NUMBERS if -(2**31) <= n < 2**31)
        case FieldDescriptor.CPPTYPE_INT64:
            return tuple(n for n in NUMBERS if n < 2**63)
        case FieldDescriptor.CPPTYPE_UINT64:
            return tuple(n for n in NUMBERS if n >= 0)
        case FieldDescriptor.CPPTYPE_ENUM:
            return tuple(value.number for value in field.enum_type.values)
        case _:
            return (0.0, 1.0, float("nan"), float("inf"), -1e38)
