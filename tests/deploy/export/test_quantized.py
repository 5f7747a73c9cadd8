"""The 8-bit file of a network that was trained in 8 bits: it computes in integers what torch computed."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from kdbench.deploy.export.parity import ParityError
from kdbench.deploy.export.quantized import check_rounding, export_quantized
from kdbench.deploy.graph.contents import architecture_of
from kdbench.deploy.runtime.session import configure_cpu, open_session, predict
from kdbench.train.quantized import Bits, Quantized, quantized
from tests.deploy.networks import SHAPE, Mixer, Resnet, cnn, mlp

SAMPLES = torch.randn(200, *SHAPE, generator=torch.Generator().manual_seed(1))


def trained(network: Callable[[], nn.Module], bits: Bits = 7, seed: int = 0) -> Quantized:
    """After some steps under fake quantization."""
    torch.manual_seed(seed)
    model = quantized(network(), SHAPE, bits)
    model.calibrate(SAMPLES)
    labels = torch.randint(10, (len(SAMPLES),))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(5):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model.train()(SAMPLES), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return model.eval()


@pytest.mark.parametrize("network", [mlp, cnn, Resnet, Mixer])
def test_the_file_agrees_with_its_training(network: Callable[[], nn.Module], tmp_path: Path) -> None:
    model, path = trained(network), tmp_path / "model.onnx"
    export_quantized(model, SHAPE, path)
    onnx.checker.check_model(onnx.load(path))
    check_rounding(model, path, SAMPLES.numpy())
    with torch.no_grad():
        expected = model(SAMPLES).numpy()
        unrounded = model.network(SAMPLES).numpy()
    found = predict(open_session(path, configure_cpu()), SAMPLES.numpy(), 64)
    # Far nearer to the rounded network than that is to the one without rounding.
    assert np.sqrt(np.mean((found - expected) ** 2)) < 0.3 * np.sqrt(np.mean((unrounded - expected) ** 2))
    assert (found.argmax(1) != expected.argmax(1)).sum() <= 4  # of 200


@pytest.mark.parametrize(("bits", "largest"), [(7, 64), (8, 127)])
def test_weights_are_stored_as_integers_of_so_many_bits(bits: Bits, largest: int, tmp_path: Path) -> None:
    export_quantized(trained(cnn, bits), SHAPE, tmp_path / "model.onnx")
    graph = onnx.load(tmp_path / "model.onnx").graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    weights = [array for array in stored.values() if array.dtype == np.int8 and array.ndim > 1]
    assert [array.shape for array in weights] == [(4, 3, 3, 3), (10, 64)]
    assert all(int(np.abs(array.astype(int)).max()) == largest for array in weights)
    assert sum(array.dtype == np.int32 for array in stored.values()) == 2  # biases
    assert not any(array.dtype == np.float32 and array.ndim > 1 for array in stored.values())


def test_all_seeds_have_one_architecture(tmp_path: Path) -> None:
    found = set()
    for seed in (0, 1):
        model = trained(cnn, seed=seed)
        if seed:
            model.ranges[:] = torch.tensor([-1.0, 1.0])  # equal scales, which the exporter would share
        export_quantized(model, SHAPE, tmp_path / "model.onnx")
        found.add(architecture_of(onnx.load(tmp_path / "model.onnx")))
    assert len(found) == 1


def test_another_scale_is_noticed(tmp_path: Path) -> None:
    model, path = trained(cnn), tmp_path / "model.onnx"
    export_quantized(model, SHAPE, path)
    file = onnx.load(path)
    scale = next(tensor for tensor in file.graph.initializer if tensor.name.endswith(".scale") and tensor.dims)
    scale.CopyFrom(numpy_helper.from_array(np.float32(1.3) * numpy_helper.to_array(scale), scale.name))
    onnx.save(file, path)
    with pytest.raises(ParityError, match=r"root mean square of a logit's difference .*; top-1 flips"):
        check_rounding(model, path, SAMPLES.numpy())
