"""A network that computes some of its logits alone."""

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from kdbench.zoo.layers.taps import trace


class Narrow(nn.Module):
    """A network of which some columns [K] are its output, in eval mode as in training."""

    def __init__(self, model: nn.Module, columns: Sequence[int]) -> None:
        super().__init__()
        self.model = model
        self.columns: Tensor
        self.register_buffer("columns", torch.tensor(columns))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.model(images)
        return logits[:, self.columns]


def narrowed(model: nn.Module, columns: Sequence[int], shape: tuple[int, int, int]) -> nn.Module:
    """A copy of a model with these columns of its logits, in eval mode; the model itself where they are all, in order.

    Where its last linear layer gives the logits, that layer has only these columns, so that no other is computed: then
    it is the network that has never had others. Else all are computed, and these are picked.
    """
    traced = trace(model, shape)
    if list(columns) == list(range(traced.outputs)):
        return model
    picked = Narrow(model, columns).to(next(model.parameters()).device).eval()
    if traced.embedding is None:
        return picked
    small = deepcopy(model).eval()
    last = small.get_submodule(traced.embedding.module)
    if not isinstance(last, nn.Linear) or last.out_features != traced.outputs:
        return picked
    fewer = nn.Linear(last.in_features, len(columns), bias=last.bias is not None, device=last.weight.device)
    fewer.weight = nn.Parameter(last.weight.detach()[list(columns)].clone())
    if last.bias is not None:
        fewer.bias = nn.Parameter(last.bias.detach()[list(columns)].clone())
    small.set_submodule(traced.embedding.module, fewer)
    return small if _alike(small, picked, shape) else picked


def _alike(one: nn.Module, other: nn.Module, shape: tuple[int, int, int]) -> bool:
    """Whether two networks give the same for a few images: something may follow the last linear layer."""
    device = next(one.parameters()).device
    images = torch.randn(4, *shape, generator=torch.Generator().manual_seed(0)).to(device)
    with torch.no_grad():
        found, wanted = one(images), other(images)
    return found.shape == wanted.shape and torch.allclose(found, wanted, rtol=1e-4, atol=1e-5)
