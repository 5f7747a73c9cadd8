"""A network that was trained on images with another normalization."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Rescaled(nn.Module):
    """A network that is given images as kdbench normalizes them, and sees factor x image + offset in each channel."""

    factor: Tensor
    offset: Tensor

    def __init__(self, network: nn.Module, factor: Sequence[float], offset: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("factor", torch.tensor(factor)[:, None, None])
        self.register_buffer("offset", torch.tensor(offset)[:, None, None])

    def forward(self, images: Tensor) -> Tensor:
        """Logits [B, classes] of images [B, C, H, W]."""
        logits: Tensor = self.network(images * self.factor + self.offset)
        return logits
