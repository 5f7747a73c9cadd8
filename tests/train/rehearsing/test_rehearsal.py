"""A rehearsal examines every network of torch, those that bring their weights among them."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from kdbench.train.rehearsing.rehearsal import rehearse
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.interface import NotApplicable
from tests.small import random_splits, small_trial

SPLITS = random_splits()


def with_softmax(classes: int, shape: tuple[int, int, int]) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(shape[0] * shape[1] * shape[2], classes), nn.Softmax(dim=1))


def test_a_teacher_that_brings_its_weights_is_examined_too(tmp_path: Path) -> None:
    torch.manual_seed(0)
    save_file(with_softmax(SPLITS.classes, SPLITS.shape).state_dict(), tmp_path / "t.safetensors")
    weights = {"file": str(tmp_path / "t.safetensors"), "sha256": "0" * 64}
    trial = small_trial(model={"use": f"{__name__}:with_softmax"}, train={"epochs": 0}, weights=weights)
    with pytest.raises(NotApplicable, match="it gives probabilities"):
        rehearse(trial, [], SPLITS, Catalog((__name__,)))
