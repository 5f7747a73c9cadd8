"""A file that came as it is: what it computes stays, and its figures are counted by hand."""

from pathlib import Path

import numpy as np
import onnx

from kdbench.deploy.export.given import write_given
from kdbench.deploy.runtime import BATCH
from kdbench.deploy.runtime.session import configure_cpu, open_session, predict
from tests.zoo.given.onnx_files import SHAPE, linear, random_weight


def test_it_is_written_with_a_batch_that_sessions_can_fix(tmp_path: Path) -> None:
    weight = random_weight()
    facts = write_given(linear(weight), SHAPE, tmp_path / "model.onnx")
    model = onnx.load(tmp_path / "model.onnx")
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == BATCH
    assert (facts.parameters, facts.flops) == (64 * 10, 2 * 64 * 10)
    assert facts.operators == {"Flatten": 1, "Gemm": 1}
    assert facts.onnx_bytes == (tmp_path / "model.onnx").stat().st_size
    images = np.random.default_rng(1).normal(size=(3, *SHAPE)).astype(np.float32)
    found = predict(open_session(tmp_path / "model.onnx", configure_cpu()), images, 2)
    np.testing.assert_allclose(found, images.reshape(3, -1) @ weight, rtol=1e-5, atol=1e-5)


def test_the_architecture_is_that_of_the_graph_and_the_hash_of_its_weights(tmp_path: Path) -> None:
    weight = random_weight()
    one, same, other = (
        write_given(linear(each), SHAPE, tmp_path / f"{number}.onnx")
        for number, each in enumerate((weight, weight, -weight))
    )
    assert one == same
    assert one.architecture == other.architecture
    assert one.weights_sha256 != other.weights_sha256
