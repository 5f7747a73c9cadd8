import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from kdbench.deploy.export.export import export_onnx
from kdbench.deploy.export.parity import ParityError, check_parity, compare_logits
from tests.deploy.networks import SHAPE, Resnet, mlp, trained

# Standard deviation 1, so that the tolerance is 1e-4.
LOGITS = np.array([[1.0, -1.0], [-1.0, 1.0]], dtype=np.float32)


def test_an_export_passes_whatever_the_mode_of_the_model(tmp_path: Path, images):
    model = trained(Resnet(), seed=0).train()
    export_onnx(model, SHAPE, tmp_path / "a.onnx")
    facts = check_parity(model, tmp_path / "a.onnx", torch.from_numpy(images))
    assert facts.max_difference <= facts.tolerance
    assert facts.flips == 0
    assert model.training


@pytest.mark.parametrize("make", [mlp, Resnet])
def test_one_perturbed_weight_fails(make, tmp_path: Path, images):
    model = trained(make(), seed=0)
    export_onnx(model, SHAPE, tmp_path / "a.onnx")
    with torch.no_grad():
        next(model.parameters()).view(-1)[5] += 0.05
    with pytest.raises(ParityError, match=r"64 samples: largest difference of a logit \S+, allowed \S+; top-1 flips"):
        check_parity(model, tmp_path / "a.onnx", images)


class Dependent(nn.Module):
    """A linear network that also looks at the other images of the batch, or at the place of an image in it."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.layer = nn.Linear(SHAPE[0] * SHAPE[1] * SHAPE[2], 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits = self.layer(images.flatten(1))
        if self.how == "others":
            return logits - logits.mean(0, keepdim=True)
        place = torch.cumsum(torch.ones_like(logits), 0)
        return logits * torch.where(place > 32, 2.0, 1.0)


@pytest.mark.parametrize(
    ("how", "reason"), [("others", "depend on the rest of the batch"), ("place", "depend on the order of the batch")]
)
def test_logits_that_depend_on_other_samples_fail_though_torch_gives_the_same(how, reason, tmp_path: Path, images):
    model = Dependent(how)
    export_onnx(model, SHAPE, tmp_path / "a.onnx")
    with pytest.raises(ParityError, match=reason):
        check_parity(model, tmp_path / "a.onnx", images)


def test_the_limit_by_hand():
    assert compare_logits(LOGITS, LOGITS + np.float32(0.9e-4)).tolerance == pytest.approx(1e-4)
    with pytest.raises(ParityError, match=re.escape("allowed 0.0001; top-1 flips 0")):
        compare_logits(LOGITS, LOGITS + np.float32(1.2e-4))


def test_a_flip_is_allowed_where_the_margin_explains_it():
    close = np.concatenate([LOGITS, [[0.5, 0.50005]]]).astype(np.float32)
    flipped = close.copy()
    flipped[2] = [0.50005, 0.5]
    assert compare_logits(close, flipped).flips == 1


def test_not_a_number_fails():
    with pytest.raises(ParityError, match="nan"):
        compare_logits(LOGITS, np.full_like(LOGITS, np.nan))


def test_another_number_of_classes_fails():
    with pytest.raises(ParityError, match="shape"):
        compare_logits(LOGITS, np.zeros((2, 3), dtype=np.float32))
