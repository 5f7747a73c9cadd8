"""A first session on a provider of ONNX Runtime. To be tried in a process of its own, which a broken one may crash."""

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper

from kdbench.deploy.runtime.plugins import device_of
from kdbench.deploy.runtime.providers import PROVIDERS, has_plugin


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
    name = next(short for short, full in PROVIDERS.items() if full == provider)
    if has_plugin(name) and provider not in ort.get_available_providers():
        options = ort.SessionOptions()
        options.add_provider_for_devices([device_of(name)], {})
        session = ort.InferenceSession(model.SerializeToString(), options)
    else:
        session = ort.InferenceSession(model.SerializeToString(), providers=[provider])
    session.run(None, {"images": np.zeros((1, 4), dtype=np.float32)})
    return str(session.get_providers()[0])
