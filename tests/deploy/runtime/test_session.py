from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnxruntime as ort
import pytest

from kdbench.deploy.runtime import session as session_module
from kdbench.deploy.runtime.session import (
    CannotMeasure,
    configure,
    configure_cpu,
    ends_of,
    open_session,
    predict,
    why_impossible,
)
from tests.records import HOW

CUDA = HOW.model_copy(update={"provider": "cuda"})
HAS_CUDA = "CUDAExecutionProvider" in ort.get_available_providers()


def test_every_option_is_declared_and_applied(resnet_onnx: Path):
    session = open_session(resnet_onnx, configure(HOW.model_copy(update={"threads": 2, "batch": 4})))
    options = session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (2, 1)
    assert options.graph_optimization_level == ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert session.get_providers() == ["CPUExecutionProvider"]
    assert session.get_inputs()[0].shape == [4, 3, 8, 8]


@pytest.mark.parametrize(("spinning", "entry"), [(False, "0"), (True, "1")])
def test_spinning_is_a_declared_choice(resnet_onnx: Path, spinning: bool, entry: str):
    options = open_session(resnet_onnx, configure(HOW.model_copy(update={"spinning": spinning}))).get_session_options()
    for name in ("intra_op", "inter_op"):
        assert options.get_session_config_entry(f"session.{name}.allow_spinning") == entry


def test_a_graphics_card_never_falls_back_to_the_cpu():
    for provider in ("cuda", "tensorrt", "tensorrt_rtx"):
        config = configure(HOW.model_copy(update={"provider": provider}))
        assert config.entries["session.disable_cpu_ep_fallback"] == "1"
    assert configure(CUDA).provider_options == {"cudnn_conv_algo_search": "HEURISTIC"}
    assert "session.disable_cpu_ep_fallback" not in configure(HOW).entries
    assert configure(HOW).provider_options == {}


def test_a_graph_is_asked_for_where_it_is_timed():
    assert configure(CUDA.model_copy(update={"path": "graph"})).provider_options["enable_cuda_graph"] == "1"
    for path in ("host", "device"):
        assert "enable_cuda_graph" not in configure(CUDA.model_copy(update={"path": path})).provider_options


def test_predictions_take_any_batch_and_timings_one(resnet_onnx: Path):
    assert open_session(resnet_onnx, configure_cpu()).get_inputs()[0].shape == ["batch", 3, 8, 8]
    assert configure_cpu(threads=3).intra_op_num_threads == 3
    assert open_session(resnet_onnx, configure(HOW)).get_inputs()[0].shape == [1, 3, 8, 8]


@pytest.mark.skipif(HAS_CUDA, reason="this onnxruntime has CUDA")
def test_a_missing_provider_is_refused(resnet_onnx: Path):
    with pytest.raises(CannotMeasure, match="has no CUDAExecutionProvider"):
        open_session(resnet_onnx, configure(CUDA))
    assert "has no CUDAExecutionProvider" in why_impossible("cuda", 1)


def test_more_threads_than_cores_are_refused(monkeypatch):
    monkeypatch.setattr(session_module, "affinity", lambda: [0, 5])
    assert why_impossible("cpu", 2) is None
    assert why_impossible("cpu", 3) == "3 threads were asked for, and this process may use 2 cores"


def test_a_silent_fallback_is_refused(resnet_onnx: Path, monkeypatch):
    """Where a provider's libraries do not load, ONNX Runtime gives a session on the CPU and raises nothing."""
    cpu = open_session(resnet_onnx, configure(HOW))
    monkeypatch.setattr(session_module.ort, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(session_module.ort, "preload_dlls", lambda: None, raising=False)
    monkeypatch.setattr(session_module.ort, "InferenceSession", lambda *_, **__: cpu)
    with pytest.raises(CannotMeasure, match=r"^CUDAExecutionProvider did not load: .* fell back to CPUExecution"):
        open_session(resnet_onnx, configure(CUDA))


def test_the_logits_are_the_first_output_of_floats_in_two_dimensions():
    class Session:
        def __init__(self, *outputs):
            self.outputs = outputs

        def get_inputs(self):
            return [SimpleNamespace(name="x", shape=[1, 3, 8, 8])]

        def get_outputs(self):
            numbered = enumerate(self.outputs)
            return [SimpleNamespace(name=f"out{i}", shape=shape, type=kind) for i, (shape, kind) in numbered]

    features, labels, logits = (
        (["batch", 8, 4, 4], "tensor(float)"),
        (["batch", 1], "tensor(int64)"),
        (["batch", 10], "tensor(float)"),
    )
    assert ends_of(Session(features, labels, logits, logits)) == ("x", "out2")
    assert ends_of(Session(features)) == ("x", "out0")


def test_chunks_give_the_same_logits(resnet_onnx: Path, images):
    session = open_session(resnet_onnx, configure_cpu())
    whole = predict(session, images, 64)
    assert whole.shape == (64, 10)
    np.testing.assert_allclose(predict(session, images, 5), whole, rtol=1e-5, atol=1e-6)
