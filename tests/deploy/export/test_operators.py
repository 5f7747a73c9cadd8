"""The operators of every network that kdbench brings: none that stands for shapes, which are known."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from kdbench.deploy.export.export import export_onnx
from kdbench.spec import Choice
from kdbench.train.build import build_model
from kdbench.zoo.catalog import Catalog, cifar_models

OF_SHAPES = {"Shape", "Range", "Size", "Gather", "Squeeze", "Unsqueeze", "ConstantOfShape", "Expand"}


def operators(use: str, channels: int, folder: Path, **options: object) -> Mapping[str, int]:
    shape = (channels, 32, 32)
    model = build_model(Choice.model_validate({"use": use, "options": options}), Catalog(), 10, shape, 0)
    return export_onnx(model, shape, folder / "a.onnx").operators


def test_a_stem_for_one_channel_leaks_no_strides(tmp_path: Path) -> None:
    """In channels_last a weight [16, 1, 3, 3] has other strides, and torch counts it as contiguous all the same."""
    found = operators("resnet_cifar", 1, tmp_path, depth=8)
    parts = {"Conv": 9, "BatchNormalization": 9, "Relu": 7, "Add": 3, "ReduceMean": 1, "Reshape": 1, "Gemm": 1}
    assert found == parts


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", cifar_models())
def test_no_network_works_out_shapes(name: str, channels: int, tmp_path: Path) -> None:
    assert not OF_SHAPES & operators(f"cifar:{name}", channels, tmp_path).keys()
