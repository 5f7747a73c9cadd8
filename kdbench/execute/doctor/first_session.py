"""A first session on a provider of ONNX Runtime. To be tried in a process of its own, which a broken one may crash."""

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper


def first_provider(provider: str) -> str:
    """Run a tiny network on a provider by its full name; gives the one that it ran on, which may be another.

    What ONNX Runtime has to say about it goes to stderr.
    """
    if hasattr(ort, "preload_dlls"):
        ort.preload_dlls()
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in ("images", "logits")]
    graph = helper.make_graph([helper.make_node("Relu", ["images"], ["logits"])], "tiny", ends[:1], ends[1:])
    # An opset and a version of the format that every ONNX Runtime of the last years reads.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = ort.InferenceSession(model.SerializeToString(), providers=[provider])
    session.run(None, {"images": np.zeros((1, 4), dtype=np.float32)})
    return str(session.get_providers()[0])
