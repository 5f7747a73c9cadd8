"""Optimizers."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from kdbench.spec import AdamW, Sgd


def build_optimizer(spec: Sgd | AdamW, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimizer that a recipe names."""
    groups = _groups(spec, list(parameters))
    if isinstance(spec, Sgd):
        sgd = torch.optim.SGD(
            groups,
            lr=spec.lr,
            momentum=spec.momentum,
            weight_decay=spec.weight_decay,
            nesterov=spec.nesterov,
            fused=True,
        )
        if spec.momentum:
            _start_at_rest(sgd)
        return sgd
    return torch.optim.AdamW(
        groups, lr=spec.lr, betas=(spec.beta1, spec.beta2), weight_decay=spec.weight_decay, fused=True
    )


def _groups(spec: Sgd | AdamW, parameters: list[nn.Parameter]) -> list[dict[str, Any]]:
    """All in one group; or weights, and apart from them, undecayed, vectors and scalars: biases, scales of norms."""
    if spec.decay == "all":
        return [{"params": parameters}]
    flat = [parameter for parameter in parameters if parameter.ndim < 2]
    deep = [parameter for parameter in parameters if parameter.ndim > 1]
    return [each for each in ({"params": deep}, {"params": flat, "weight_decay": 0.0}) if each["params"]]


def _start_at_rest(sgd: torch.optim.SGD) -> None:
    """Momenta of 0 from the start, which changes no value.

    torch makes them at the first gradient, and its fused kernel refuses to go on with weights that get theirs later:
    those that an initialization phase leaves out.
    """
    for group in sgd.param_groups:
        for weights in group["params"]:
            sgd.state[weights]["momentum_buffer"] = torch.zeros_like(weights)
