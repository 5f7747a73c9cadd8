"""Weights of 8 bits saturate on a processor with AVX2 and without VNNI, and weights of 7 bits do not."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray

from kdbench.deploy.export.export import export_onnx
from kdbench.deploy.runtime.session import configure_cpu, open_session, predict
from kdbench.deploy.variants.make import drift, make_variant
from kdbench.spec.variants import Int8Dynamic, Int8Static
from tests.deploy.networks import SHAPE, mlp, trained
from tests.deploy.variants.saturation import (
    emulated_logits,
    exact_sums,
    linear_layers,
    needs_emulator,
    saturating_sums,
)

Images = NDArray[np.float32]


def test_the_oracle_by_hand() -> None:
    inputs = np.array([[255, 255, 10], [1, 2, 3]])
    weights = np.array([[127, 1], [127, 1], [-5, 1]])
    assert exact_sums(inputs, weights).tolist() == [[64_720, 520], [366, 6]]
    assert saturating_sums(inputs, weights).tolist() == [[32_767 - 50, 520], [366, 6]]
    assert saturating_sums(np.array([[255, 255]]), np.array([[-128], [-128]])).tolist() == [[-32_768]]


def test_seven_bits_never_saturate() -> None:
    extreme = np.full((1, 2), 255)
    for weight in (-64, 64):
        weights = np.full((2, 1), weight)
        assert saturating_sums(extreme, weights).tolist() == exact_sums(extreme, weights).tolist()


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("exported") / "mlp.onnx"
    export_onnx(trained(mlp(), seed=1), SHAPE, path)
    return path


@pytest.mark.parametrize("kind", [Int8Dynamic, Int8Static])
@pytest.mark.parametrize("seven_bits", [False, True])
def test_layers_of_a_quantized_network(
    exported: Path, kind: type[Int8Dynamic | Int8Static], seven_bits: bool, tmp_path: Path
) -> None:
    images = np.random.default_rng(0).uniform(0.5, 1, size=(64, *SHAPE)).astype(np.float32)  # bright: 128 to 255
    make_variant(kind(reduce_range=seven_bits), exported, tmp_path / "variant.onnx", images)
    layers = list(linear_layers(onnx.load(tmp_path / "variant.onnx"), images))
    assert [weights.shape for _, weights in layers] == [(192, 16), (16, 10)]
    saturated = sum(int((saturating_sums(*layer) != exact_sums(*layer)).sum()) for layer in layers)
    assert (saturated == 0) == seven_bits


@needs_emulator
def test_onnxruntime_without_vnni(exported: Path, images: Images, tmp_path: Path) -> None:
    """Files on an emulated processor: 8 bits drift beyond what is allowed, 7 bits as little as here."""
    files = [tmp_path / "eight.onnx", tmp_path / "seven.onnx"]
    for seven_bits, file in zip((False, True), files, strict=True):
        make_variant(Int8Static(reduce_range=seven_bits), exported, file, images)
    reference = predict(open_session(exported, configure_cpu()), images, 16)
    eight, seven = emulated_logits(files, images, tmp_path)
    assert drift(reference, eight).largest > 0.2
    assert drift(reference, seven).largest < 0.1
    np.testing.assert_allclose(seven, predict(open_session(files[1], configure_cpu()), images, 16), atol=1e-4)
