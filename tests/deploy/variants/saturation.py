"""8-bit products as a processor with AVX2 and without VNNI sums them: an oracle, and an emulator of such a processor."""

import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

Integers = NDArray[np.int64]
EMULATOR = "qemu-x86_64"


def exact_sums(inputs: Integers, weights: Integers) -> Integers:
    """Inputs [N, K], unsigned, times weights [K, M], signed."""
    sums: Integers = inputs @ weights
    return sums


def saturating_sums(inputs: Integers, weights: Integers) -> Integers:
    """The same as VPMADDUBSW and VPMADDWD do it: sums of two products are cut off at 16 bits, then added in 32."""
    if len(weights) % 2:
        inputs, weights = np.pad(inputs, ((0, 0), (0, 1))), np.pad(weights, ((0, 1), (0, 0)))
    products = inputs[:, :, None] * weights
    pairs = products.reshape(len(inputs), len(weights) // 2, 2, -1).sum(axis=2)
    sums: Integers = np.clip(pairs, -(2**15), 2**15 - 1).sum(axis=1)
    return sums


def linear_layers(model: onnx.ModelProto, images: NDArray[np.float32]) -> Iterator[tuple[Integers, Integers]]:
    """Inputs [N, K], unsigned, and weights [K, M], signed, of every linear layer of a quantized graph."""
    graph = model.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    made_by = {name: node for node in graph.node for name in node.output}
    found = []
    for node in graph.node:
        if node.op_type == "MatMulInteger":
            found.append((node.input[0], constants[node.input[1]]))
        elif node.op_type in ("Gemm", "MatMul"):
            inputs, weights = (made_by[name].input[0] for name in node.input[:2])  # before DequantizeLinear
            transposed = any(a.name == "transB" and a.i for a in node.attribute)
            found.append((inputs, constants[weights].T if transposed else constants[weights]))
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    watched.graph.output.extend(onnx.ValueInfoProto(name=name) for name, _ in found)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(watched.SerializeToString(), options, providers=["CPUExecutionProvider"])
    values = session.run([name for name, _ in found], {"images": images})
    for (_, weights), inputs in zip(found, values, strict=True):
        assert inputs.dtype == np.uint8
        assert weights.dtype == np.int8
        yield inputs.astype(np.int64), weights.astype(np.int64)


def why_not_emulated() -> str | None:
    """Why a processor with AVX2 and without VNNI cannot be emulated here, or None where it can."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return "this Python is not one for x86-64"
    if not shutil.which(EMULATOR):
        return "the emulator is not there: apt-get install qemu-user"
    told = subprocess.run([EMULATOR, "--version"], capture_output=True, text=True, check=True).stdout
    version = re.search(r"version (\d+)\.(\d+)", told)
    assert version
    return None if tuple(map(int, version.groups())) >= (7, 2) else "this qemu has no AVX2 yet"


needs_emulator = pytest.mark.skipif(why_not_emulated() is not None, reason=str(why_not_emulated()))

_PREDICT = """
import sys, numpy as np
from pathlib import Path
from kdbench.deploy.runtime.session import configure_cpu, open_session, predict
images, *files = map(Path, sys.argv[1:])
for file in files:
    np.save(file.with_suffix(".npy"), predict(open_session(file, configure_cpu()), np.load(images), 16))
"""


def emulated_logits(files: list[Path], images: NDArray[np.float32], folder: Path) -> list[NDArray[np.float32]]:
    """Logits [N, classes] of each file by ONNX Runtime on an emulated processor with AVX2 and without VNNI.

    qemu's model "max" has all that its translator knows, which is AVX2 and nothing of AVX-512.
    """
    np.save(folder / "images.npy", images)
    arguments = [str(path) for path in (folder / "images.npy", *files)]
    command = [EMULATOR, "-cpu", "max", sys.executable, "-c", _PREDICT, *arguments]
    subprocess.run(command, capture_output=True, text=True, check=True)
    return [np.load(file.with_suffix(".npy")) for file in files]
