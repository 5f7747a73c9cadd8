from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from kdbench.deploy.session import CannotMeasure, configure, open_session, predict


def test_every_option_is_declared_and_applied(resnet_onnx: Path):
    session = open_session(resnet_onnx, configure("cpu", threads=2, batch=4))
    options = session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (2, 1)
    assert options.graph_optimization_level == ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert session.get_providers() == ["CPUExecutionProvider"]
    assert session.get_inputs()[0].shape == [4, 3, 8, 8]


def test_a_graphics_card_never_falls_back_to_the_cpu():
    assert configure("cuda", 1, 1).entries["session.disable_cpu_ep_fallback"] == "1"
    assert configure("cuda", 1, 1).provider_options == {"cudnn_conv_algo_search": "HEURISTIC"}
    assert "session.disable_cpu_ep_fallback" not in configure("cpu", 1, 1).entries


@pytest.mark.skipif("CUDAExecutionProvider" in ort.get_available_providers(), reason="this onnxruntime has CUDA")
def test_a_missing_provider_is_refused(resnet_onnx: Path):
    with pytest.raises(CannotMeasure, match="has no CUDAExecutionProvider"):
        open_session(resnet_onnx, configure("cuda", 1, 1))


def test_chunks_give_the_same_logits(resnet_onnx: Path, images):
    session = open_session(resnet_onnx, configure("cpu", threads=1, batch=None))
    whole = predict(session, images, 64)
    assert whole.shape == (64, 10)
    np.testing.assert_allclose(predict(session, images, 5), whole, rtol=1e-5, atol=1e-6)
