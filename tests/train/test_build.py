"""A network with the weights that its trial brings, given images in the pixels of its training."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from kdbench.spec import Trial, UserError
from kdbench.train.build import build_model, build_network
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.interface import NotApplicable
from tests.small import random_splits, small_trial

SPLITS = random_splits()
CATALOG = Catalog()
MODEL = {"use": "cnn", "options": {"width": 2}}
IMAGES = torch.randn(3, *SPLITS.shape, generator=torch.Generator().manual_seed(0))


def brought(file: Path, **more: object) -> Trial:
    weights = {"file": str(file), "sha256": "0" * 64, **more}
    return small_trial(model=MODEL, train={"epochs": 0}, weights=weights)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The weights of a small network of another seed."""
    trained = build_model(small_trial(model=MODEL).model, CATALOG, SPLITS.classes, SPLITS.shape, seed=7)
    save_file({name: value.contiguous() for name, value in trained.state_dict().items()}, tmp_path / "t.safetensors")
    return tmp_path / "t.safetensors"


def logits(trial: Trial, images: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return build_network(trial, CATALOG, SPLITS.task).eval()(images)


def test_it_has_the_weights_of_the_file(file: Path) -> None:
    trained = build_model(small_trial(model=MODEL).model, CATALOG, SPLITS.classes, SPLITS.shape, seed=7).eval()
    with torch.no_grad():
        assert torch.equal(logits(brought(file), IMAGES), trained(IMAGES))
        raw = IMAGES * SPLITS.std[:, None, None] + SPLITS.mean[:, None, None]
        torch.testing.assert_close(logits(brought(file, pixels="raw"), IMAGES), trained(raw))
        torch.testing.assert_close(logits(brought(file, pixels="unit"), IMAGES), trained(raw / 255))


def test_what_is_stored_needs_no_file(file: Path) -> None:
    trial = brought(file, pixels="unit")
    before, stored = logits(trial, IMAGES), build_network(trial, CATALOG, SPLITS.task).state_dict()
    file.unlink()
    again = build_network(trial, CATALOG, SPLITS.task, stored)
    again.load_state_dict(stored)
    with torch.no_grad():
        assert torch.equal(again.eval()(IMAGES), before)


def test_pixels_of_other_channels_are_refused(file: Path) -> None:
    with pytest.raises(UserError, match=r"'t.safetensors': pixels = 'imagenet' is for images of 3 channels"):
        build_network(brought(file, pixels="imagenet"), CATALOG, SPLITS.task)


def test_the_network_of_a_file_is_not_trained() -> None:
    with pytest.raises(NotApplicable, match="'onnx' is the network of a file"):
        build_network(small_trial(model="onnx"), CATALOG, SPLITS.task)
