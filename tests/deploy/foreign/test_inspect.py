import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from kdbench.deploy.foreign import inspect as foreign
from kdbench.deploy.foreign.inspect import inspect_model
from kdbench.deploy.foreign.probe import probe
from kdbench.deploy.foreign.run import say
from kdbench.deploy.graph.contents import architecture_of, operators_of
from kdbench.spec import UserError
from tests.deploy.networks import SHAPE

FLATTEN = helper.make_node("Flatten", ["x"], ["flat"])
GEMM = helper.make_node("Gemm", ["flat", "weight", "bias"], ["y"])
GEMM_TO_LOGITS = helper.make_node("Gemm", ["flat", "weight", "bias"], ["logits"])
NOISE = helper.make_node("RandomNormalLike", ["logits"], ["noise"])
WEIGHTS = {
    "weight": np.random.default_rng(0).normal(size=(192, 7)).astype(np.float32),
    "bias": np.ones(7, dtype=np.float32),
}


def value(name: str, shape: list[Any] | None, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def build(
    *nodes: onnx.NodeProto,
    inputs: tuple[onnx.ValueInfoProto, ...] = (value("x", ["N", *SHAPE]),),
    outputs: tuple[onnx.ValueInfoProto, ...] = (value("y", ["N", 7]),),
    opset: int = 20,
    ir: int = 10,
) -> onnx.ModelProto:
    """A linear classifier of 7 classes, or what the arguments make of it."""
    tensors = [numpy_helper.from_array(array, name) for name, array in WEIGHTS.items()]
    graph = helper.make_graph(list(nodes or (FLATTEN, GEMM)), "main", list(inputs), list(outputs), tensors)
    domains = [helper.make_opsetid("", opset), helper.make_opsetid("mine", 1)]
    return helper.make_model(graph, opset_imports=domains, ir_version=ir)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "theirs.onnx"


def refuse(path: Path, sample: tuple[int, int, int] | None = None) -> str:
    with pytest.raises(UserError) as caught:
        inspect_model(path, sample)
    text = str(caught.value)
    assert "\n  help: " in text
    assert len(text.splitlines()) == 2
    assert text.count("/") == text.count(str(path)) * str(path).count("/"), "no other path"
    return text.replace(str(path), path.name)


def save(model: onnx.ModelProto, path: Path) -> None:
    path.write_bytes(model.SerializeToString())


def test_a_sound_model_is_described(path: Path) -> None:
    model = build()
    save(model, path)
    got = inspect_model(path)
    assert (got.input, got.output, got.input_shape, got.classes) == ("x", "y", (None, 3, 8, 8), 7)
    assert (got.fixed_batch, got.batch_name, got.opset) == (None, "N", 20)
    assert (got.parameters, got.flops, got.flops_reason) == (192 * 7 + 7, 2 * 192 * 7, None)
    assert (got.onnx_bytes, got.sha256) == (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
    assert (got.operators, got.architecture) == (operators_of(model), architecture_of(model))
    assert got.notes == ()


def test_weights_beside_the_file_are_part_of_it(path: Path) -> None:
    save(build(), path)
    whole = inspect_model(path)
    onnx.save(build(), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    got = inspect_model(path)
    assert (got.parameters, got.architecture, got.flops) == (whole.parameters, whole.architecture, whole.flops)
    assert got.onnx_bytes == path.stat().st_size + (path.parent / "weights.bin").stat().st_size
    before = got.sha256
    content = bytearray((path.parent / "weights.bin").read_bytes())
    content[0] ^= 1
    (path.parent / "weights.bin").write_bytes(content)
    assert inspect_model(path).sha256 != before
    (path.parent / "weights.bin").write_bytes(content[:100])
    assert "'weights.bin', with the weights of 'theirs.onnx', is cut off: it has 100 of" in refuse(path)
    (path.parent / "weights.bin").unlink()
    assert "keeps its weights in 'weights.bin', and that file is not beside it" in refuse(path)


@pytest.mark.parametrize("location", ["../secret.bin", "C:\\secret.bin"])
def test_weights_elsewhere_are_refused(path: Path, location: str) -> None:
    onnx.save(build(), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        next(entry for entry in tensor.external_data if entry.key == "location").value = location
    save(model, path)
    with pytest.raises(UserError, match="outside of its own folder"):
        inspect_model(path)


def test_what_is_no_onnx_file_is_refused(path: Path) -> None:
    assert refuse(path).startswith("error: there is no file 'theirs.onnx'")
    path.mkdir()
    assert "'theirs.onnx' is a folder, not an ONNX file" in refuse(path)
    path.rmdir()
    os.mkfifo(path)
    assert "'theirs.onnx' is a pipe or a device, not an ONNX file" in refuse(path)
    path.unlink()
    for content in (b"hello world, this is text", build().SerializeToString()[:500]):
        path.write_bytes(content)
        assert "is not an ONNX file, or it is damaged or cut off" in refuse(path)
    path.write_bytes(b"")
    assert "'theirs.onnx' is empty" in refuse(path)
    save(helper.make_model(helper.make_graph([], "main", [], [])), path)
    assert "it holds no graph" in refuse(path)
    model = build()
    del model.opset_import[0]
    save(model, path)
    assert "does not say which version of ONNX's operators it uses" in refuse(path)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ((value("x", ["N", *SHAPE]), value("mask", ["N"])), "has 2 inputs ('x', 'mask'); allowed is one"),
        ((), "has 0 inputs (none)"),
        ((value("x", ["N", *SHAPE], TensorProto.UINT8),), "input 'x' of 'theirs.onnx' takes uint8; allowed is float"),
        ((value("x", ["N", *SHAPE], TensorProto.FLOAT16),), "takes float16"),
        ((value("x", ["N", 8, 8]),), "has 3 dimensions; allowed are four: [batch, channels, height, width]"),
        ((value("x", None),), "has an unknown number of dimensions"),
    ],
)
def test_inputs_that_are_no_images_are_refused(
    path: Path, inputs: tuple[onnx.ValueInfoProto, ...], message: str
) -> None:
    save(build(inputs=inputs), path)
    assert message in refuse(path)


def test_initializers_among_the_inputs_do_not_count(path: Path) -> None:
    save(build(inputs=(value("weight", [192, 7]), value("x", ["N", *SHAPE]), value("bias", [7]))), path)
    got = inspect_model(path)
    assert (got.input, got.flops) == ("x", 2 * 192 * 7)


def test_several_outputs(path: Path) -> None:
    best = helper.make_node("ArgMax", ["y"], ["best"], axis=1, keepdims=0)
    others = (value("best", ["N"], TensorProto.INT64), value("y", ["N", 7]))
    save(build(FLATTEN, GEMM, best, outputs=others), path)
    got = inspect_model(path)
    assert (got.output, got.classes) == ("y", 7)
    assert got.notes == ("of 2 outputs, 'y' is taken for the logits",)
    save(build(FLATTEN, GEMM, outputs=(value("y", ["N", 7]), value("flat", ["N", 192]))), path)
    assert (
        "has 2 outputs that can be logits (its outputs of a batch of 8: 'y' float [8, 7], 'flat' float [8, 192])"
        in refuse(path)
    )


@pytest.mark.parametrize(
    ("outputs", "batch", "message"),
    [
        ([("y", "float", [2])], 2, "has 0 outputs that can be logits"),
        ([("y", "float", [2, 7, 1, 1])], 2, "'y' float [2, 7, 1, 1]"),
        ([("y", "float", [1, 7])], 2, "its outputs of a batch of 2: 'y' float [1, 7]"),
        ([("y", "int64", [2, 7])], 2, "'y' int64 [2, 7]"),
        ([("y", "float", [2, 1])], 2, "gives logits of 1 classes; allowed are those of two or more"),
        ([("y", "float", [2, 0])], 2, "gives logits of 0 classes"),
        ([], 2, "its outputs of a batch of 2: none"),
    ],
)
def test_outputs_that_are_no_logits(outputs: list[Any], batch: int, message: str) -> None:
    found = [{"name": name, "type": f"tensor({kind})", "shape": shape} for name, kind, shape in outputs]
    with pytest.raises(UserError) as caught:
        foreign._output(Path("theirs.onnx"), found, batch)
    assert message in str(caught.value)


def test_a_fixed_batch_is_said(path: Path) -> None:
    save(build(inputs=(value("x", [4, *SHAPE]),), outputs=(value("y", [4, 7]),)), path)
    got = inspect_model(path)
    assert (got.fixed_batch, got.input_shape, got.batch_name) == (4, (4, 3, 8, 8), None)
    assert got.flops == 2 * 192 * 7, "of one sample"
    assert got.notes == ("the model is exported for a batch of 4: other batch sizes cannot be measured",)


def test_a_batch_that_is_fixed_unsaid(path: Path) -> None:
    model = build(helper.make_node("Reshape", ["x", "one"], ["flat"]), GEMM)
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 192], dtype=np.int64), "one"))
    save(model, path)
    got = inspect_model(path)
    assert got.fixed_batch == 1
    assert "says that it takes any batch, and runs only with a batch of 1" in got.notes[0]


def test_images_of_any_size(path: Path) -> None:
    pool = helper.make_node("ReduceMean", ["x", "axes"], ["flat"], keepdims=0)
    model = build(pool, helper.make_node("MatMul", ["flat", "three"], ["y"]), inputs=(value("x", ["N", 3, "H", "W"]),))
    model.graph.initializer.append(numpy_helper.from_array(np.array([2, 3], dtype=np.int64), "axes"))
    model.graph.initializer.append(numpy_helper.from_array(np.ones((3, 7), dtype=np.float32), "three"))
    save(model, path)
    got = inspect_model(path)
    assert (got.input_shape, got.classes) == ((None, 3, None, None), 7)
    assert got.notes == ("the model takes images of any size, and was not run",)
    got = inspect_model(path, (3, 5, 6))
    assert (got.notes, got.flops) == ((), 2 * 3 * 7)


def test_images_that_do_not_fit(path: Path) -> None:
    save(build(), path)
    assert "takes images of 3x8x8, and the data has 1x28x28" in refuse(path, (1, 28, 28))
    save(build(inputs=(value("x", ["N", 8, 8, 3]),)), path)
    assert "export the model with channels first" in refuse(path, (3, 8, 8))


def newest(text: str) -> int:
    return int(text.partition("up to ")[2].partition(",")[0])


def test_what_onnxruntime_cannot_open(path: Path) -> None:
    save(build(opset=99), path)
    text = refuse(path)
    assert "cannot open 'theirs.onnx': it uses opset 99 of ai.onnx; allowed are those up to" in text
    assert 20 <= newest(text) < 99
    save(build(helper.make_node("Spin", ["x"], ["y"], domain="mine")), path)
    assert "it has the operator mine:Spin, which is not one of onnxruntime's" in refuse(path)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: build(ir=99), "it is of IR version 99; allowed are those up to"),
        (lambda: build(helper.make_node("Spin", ["x"], ["y"])), "it has the operator Spin, which opset 20 does not"),
        (lambda: build(GEMM), "Node input 'flat' is not a graph input"),
        (lambda: build(helper.make_node("MatMul", ["x", "weight"], ["y"])), "Incompatible dimensions"),
    ],
)
def test_reasons_come_in_one_line_without_paths(path: Path, model: Callable[[], onnx.ModelProto], message: str) -> None:
    save(model(), path)
    error = probe(str(path), None, 5.0)["error"]
    text = say(error, path)
    assert message in text
    assert "/" not in text
    assert "\n" not in text


def test_a_model_that_opens_and_does_not_run(path: Path) -> None:
    model = build(helper.make_node("Reshape", ["x", "wrong"], ["y"]))
    model.graph.initializer.append(numpy_helper.from_array(np.array([2, 7], dtype=np.int64), "wrong"))
    save(model, path)
    assert "cannot run 'theirs.onnx' on images: " in (text := refuse(path))
    assert "cannot be reshaped to the requested shape. Input shape:{8,3,8,8}" in text


def test_odd_values_are_noted(path: Path) -> None:
    root = helper.make_node("Sqrt", ["flat"], ["positive"])
    save(build(FLATTEN, root, helper.make_node("Gemm", ["positive", "weight", "bias"], ["y"])), path)
    assert inspect_model(path).notes == ("on random images the model gives values that are not finite",)
    first = helper.make_node("Gemm", ["flat", "weight", "bias"], ["raw"])
    save(build(FLATTEN, first, helper.make_node("Softmax", ["raw"], ["y"])), path)
    assert probe(str(path), [None, *SHAPE], 5.0)["outputs"][0]["probabilities"]
    save(build(), path)
    assert not probe(str(path), [None, *SHAPE], 5.0)["outputs"][0]["probabilities"]


@pytest.mark.parametrize(
    ("batch", "size"), [("N", "samples one by one"), (4, "batches of 4, in the order of the test split")]
)
def test_logits_that_depend_on_other_images_are_noted(path: Path, batch: Any, size: str) -> None:
    centre = [
        helper.make_node("ReduceMean", ["logits", "first"], ["mean"]),
        helper.make_node("Sub", ["logits", "mean"], ["y"]),
    ]
    model = build(
        FLATTEN, GEMM_TO_LOGITS, *centre, inputs=(value("x", [batch, *SHAPE]),), outputs=(value("y", [batch, 7]),)
    )
    model.graph.initializer.append(numpy_helper.from_array(np.array([0], dtype=np.int64), "first"))
    save(model, path)
    got = inspect_model(path)
    assert got.depends == "the rest of the batch"
    assert got.notes[-1] == f"its logits depend on the rest of the batch: its accuracy is of {size}"


def test_logits_that_depend_on_chance_are_noted(path: Path) -> None:
    save(build(FLATTEN, GEMM_TO_LOGITS, NOISE, helper.make_node("Add", ["logits", "noise"], ["y"])), path)
    got = inspect_model(path)
    assert got.depends == "chance"
    assert "its logits depend on chance: a second call gives others" in got.notes[-1]


@pytest.mark.parametrize(("instructions", "told"), [(("avx2",), True), (("avx2", "avx_vnni"), False), (None, True)])
def test_sums_that_may_saturate_are_noted(
    path: Path, monkeypatch: pytest.MonkeyPatch, instructions: tuple[str, ...] | None, told: bool
) -> None:
    monkeypatch.setattr(foreign, "instruction_set", lambda: instructions)
    to_int8 = helper.make_node("DynamicQuantizeLinear", ["flat"], ["small", "scale", "zero"])
    back = helper.make_node("DequantizeLinear", ["small", "scale", "zero"], ["rounded"])
    save(build(FLATTEN, to_int8, back, helper.make_node("Gemm", ["rounded", "weight", "bias"], ["y"])), path)
    assert any("may saturate on this processor" in note for note in inspect_model(path).notes) is told
    save(build(), path)
    assert inspect_model(path).notes == ()


def test_a_process_that_dies_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(build(), path)
    fake = path.parent / "python"
    fake.write_text("#!/bin/sh\nkill -SEGV $$\n")
    fake.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fake))
    assert "onnxruntime broke down over 'theirs.onnx' (signal 11)" in refuse(path)


def test_a_file_that_never_opens_does_not_outlive_whoever_asked(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model.onnx")  # as a pipe that nobody writes to
    command = [sys.executable, "-m", "kdbench.deploy.foreign.probe", str(tmp_path / "model.onnx"), "null", "5", "2"]
    assert subprocess.run(command, timeout=60, check=False).returncode == -signal.SIGALRM
