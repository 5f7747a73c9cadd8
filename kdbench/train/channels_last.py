"""Channels-last from end to end, in the backward pass too."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

_POOLS = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d)


@contextmanager
def keep_channels_last(model: nn.Module) -> Iterator[None]:
    """While open, gradients enter the pooling layers of `model` in the layout of their activations.

    Flattening hands a gradient back in torch's default layout. Pooling would then leave channels-last for all of its
    own, larger gradient and copy it back: 9 % of a small CNN's step (docs/experiments.md). No value changes.
    """
    handles = [m.register_forward_hook(_on_output) for m in model.modules() if isinstance(m, _POOLS)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _on_output(_: nn.Module, __: object, gave: Tensor) -> None:
    if isinstance(gave, Tensor) and gave.requires_grad and gave.is_contiguous(memory_format=torch.channels_last):
        gave.register_hook(_channels_last)  # type: ignore[no-untyped-call]


def _channels_last(gradient: Tensor) -> Tensor:
    return gradient.contiguous(memory_format=torch.channels_last)
