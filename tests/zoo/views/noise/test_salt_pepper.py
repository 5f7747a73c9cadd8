"""Salt and pepper: how many pixels change, and to what."""

import pytest
import torch

from kdbench.zoo import Draw
from kdbench.zoo.views.noise.salt_pepper import salt_pepper


def test_half_of_the_share_becomes_the_highest_value_and_half_the_lowest() -> None:
    images = torch.full((2000, 1, 4, 5), 0.5)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = -1.0, 2.0
    changed = salt_pepper(images, Draw(0, 0, torch.arange(2000)), share=0.4)[:, 0, 1:]
    assert set(changed.unique().tolist()) == {-1.0, 0.5, 2.0}
    for value, share in ((-1.0, 0.2), (2.0, 0.2), (0.5, 0.6)):
        assert (changed == value).float().mean().item() == pytest.approx(share, abs=0.01)


def test_the_channels_of_a_pixel_change_together_to_their_own_extremes() -> None:
    images = torch.stack((torch.linspace(0, 1, 16), torch.linspace(5, 9, 16))).reshape(1, 2, 4, 4)
    first, second = salt_pepper(images, Draw(0, 0, torch.zeros(1, dtype=torch.int64)), share=1.0)[0]
    assert set(first.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(first == 1.0, second == 9.0)
    assert torch.equal(first == 0.0, second == 5.0)
