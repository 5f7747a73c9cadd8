"""Masking: how many pixels are hidden."""

import pytest
import torch

from kdbench.zoo import Draw
from kdbench.zoo.views.noise.masking import masking


def test_the_share_of_pixels_is_hidden_in_all_channels() -> None:
    images = torch.ones(3000, 2, 4, 5)
    seen = masking(images, Draw(0, 0, torch.arange(3000)), share=0.3)
    assert torch.equal(seen[:, 0], seen[:, 1])
    assert set(seen.unique().tolist()) == {0.0, 1.0}
    assert seen.mean().item() == pytest.approx(0.7, abs=0.01)
    assert seen.mean(dim=0).min() > 0.6  # no place is hidden more often than others


def test_all_of_it_may_be_hidden() -> None:
    assert not masking(torch.ones(2, 1, 3, 3), Draw(0, 0, torch.arange(2)), share=1.0).any()
