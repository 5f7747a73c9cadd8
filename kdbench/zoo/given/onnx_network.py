"""A teacher that is an ONNX file: it gives logits, and nothing else of it can be read or trained."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


class OnnxNetwork(nn.Module):
    """Runs on the CPU, in ONNX Runtime. It holds the bytes of its file, so that they are stored as its weights."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        held = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        self.content = nn.Parameter(held, requires_grad=False)

    @property
    def file(self) -> bytes:
        """The ONNX file."""
        return self.content.cpu().numpy().tobytes()

    @cached_property
    def session(self) -> Any:
        """Of onnxruntime, opened at the first image."""
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3  # errors, which come as exceptions too
        return ort.InferenceSession(self.file, options, providers=["CPUExecutionProvider"])

    def __getstate__(self) -> dict[str, object]:
        """A copy opens a session of its own."""
        return {name: value for name, value in self.__dict__.items() if name != "session"}

    def forward(self, images: Tensor) -> Tensor:
        """Logits [B, classes] of images [B, C, H, W], without a gradient."""
        outputs = self.session.get_outputs()
        able = (output.name for output in outputs if len(output.shape) == 2 and output.type == "tensor(float)")
        given = np.ascontiguousarray(images.detach().cpu().numpy())
        (logits,) = self.session.run([next(able)], {self.session.get_inputs()[0].name: given})
        return torch.from_numpy(logits).to(images.device)


def onnx_network(classes: int, shape: tuple[int, int, int], content: bytes) -> nn.Module:  # noqa: ARG001 - the file says
    """The network of an ONNX file, as a teacher of losses on logits: `teacher = {use = "onnx", weights = "x.onnx"}`.

    Shapes: images [B, *shape] to logits [B, classes], of any batch size.
    Raises: nothing here; the file is examined before anything is trained.
    """
    return OnnxNetwork(content)


def with_pixels(content: bytes, factor: Sequence[float], offset: Sequence[float]) -> bytes:
    """An ONNX file that sees factor x image + offset in each channel of its input."""
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load_model_from_string(content)
    graph = model.graph
    initial = {tensor.name for tensor in graph.initializer}
    entry = next(value for value in graph.input if value.name not in initial)
    seen, entry.name = entry.name, f"{entry.name} as given"  # what reads it, in subgraphs too, keeps its name
    names = (f"{seen} factor", f"{seen} offset")
    for name, values in zip(names, (factor, offset), strict=True):
        graph.initializer.append(numpy_helper.from_array(np.array(values, np.float32)[:, None, None], name))
    scaled = f"{seen} scaled"
    graph.node.insert(0, helper.make_node("Mul", [entry.name, names[0]], [scaled]))
    graph.node.insert(1, helper.make_node("Add", [scaled, names[1]], [seen]))
    return bytes(model.SerializeToString(deterministic=True))
