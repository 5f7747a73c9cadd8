"""A model as it is deployed: on the CPU, in eval mode, contiguous, without gradients."""

import copy

import torch
from torch import nn


def frozen_copy(model: nn.Module) -> nn.Module:
    """A copy for inference; the model itself keeps its mode, device and memory format."""
    twin = copy.deepcopy(model).to("cpu").eval().requires_grad_(False)
    with torch.no_grad():
        for tensor in (*twin.parameters(), *twin.buffers()):
            # A channels_last model would be exported with other strides, and oneDNN would sum in another order.
            tensor.data = tensor.data.clone(memory_format=torch.contiguous_format)
    return twin
