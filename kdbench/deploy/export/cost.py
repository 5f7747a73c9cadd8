"""What a model costs before any clock runs: parameters and floating-point operations."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from kdbench.deploy.export.frozen import frozen_copy


def count_parameters(model: nn.Module) -> int:
    """Elements of all parameters; shared ones count once, buffers (BatchNorm's statistics) not at all."""
    return sum(parameter.numel() for parameter in model.parameters())


def count_flops(model: nn.Module, shape: tuple[int, int, int]) -> int:
    """Floating-point operations of one sample of `shape` [C, H, W]: 2 x the multiply-accumulates.

    Matrix products, convolutions and attention count; biases, norms, activations and pooling do not.
    """
    twin = frozen_copy(model)
    with torch.no_grad(), _unfused_attention(), FlopCounterMode(display=False) as counter:
        twin(torch.zeros(1, *shape))
    return int(counter.get_total_flops())


@contextmanager
def _unfused_attention() -> Iterator[None]:
    # nn.TransformerEncoderLayer in eval mode runs as one fused operator, for which the counter answers 0.
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
