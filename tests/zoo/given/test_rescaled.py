import torch
from torch import nn

from kdbench.zoo.given.rescaled import Rescaled


def test_each_channel_is_scaled_and_shifted_by_its_own() -> None:
    network = Rescaled(nn.Flatten(), (2.0, 3.0), (0.5, -1.0))
    images = torch.tensor([[[[1.0]], [[10.0]]]])
    assert network(images).tolist() == [[2.5, 29.0]]
