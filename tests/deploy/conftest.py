from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from kdbench.deploy.export.export import export_onnx
from tests.deploy.networks import SHAPE, Deep, Resnet, trained


@pytest.fixture(scope="session")
def images() -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(64, *SHAPE)).astype(np.float32)


@pytest.fixture(scope="session")
def resnet_onnx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "resnet.onnx"
    export_onnx(trained(Resnet(), seed=1), SHAPE, path)
    return path


@pytest.fixture(scope="session")
def deep_onnx(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An MLP of 4 layers and one of 8."""
    folder = tmp_path_factory.mktemp("onnx")
    for layers in (4, 8):
        export_onnx(trained(Deep(layers), seed=layers), SHAPE, folder / f"{layers}.onnx")
    return folder / "4.onnx", folder / "8.onnx"
