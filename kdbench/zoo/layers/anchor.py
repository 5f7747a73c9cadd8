"""Weights that a network is held to, each by how much the outputs of another network depended on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kdbench.spec.pulse import beat


@dataclass(frozen=True)
class Anchor:
    """The weights of a network by name, and the importance of each, of the same shape."""

    weights: Mapping[str, Tensor]
    importance: Mapping[str, Tensor]

    def penalty(self, model: nn.Module) -> Tensor:
        """1/2 sum_i F_i (w_i - w*_i)^2 over the weights w of a network of the same kind: a scalar.

        Source: Kirkpatrick et al. 2017, Elastic Weight Consolidation (arXiv:1612.00796), equation 3.
        """
        terms = [
            (self.importance[name] * (weight - self.weights[name]).square()).sum()
            for name, weight in model.named_parameters()
        ]
        return torch.stack(terms).sum() / 2


def anchor_of(model: nn.Module, images: Tensor, columns: Sequence[int]) -> Anchor:
    """A trained network as an anchor, its importance measured on normalized images [N, ...] of what it was trained on.

    F_i = mean over the samples of sum_y p(y) (d log p(y) / d w_i)^2, the diagonal of the Fisher information, where p is
    the network's softmax over these columns of its logits. The network is in eval mode afterwards.
    """
    model.eval()
    weights = dict(model.named_parameters())
    total = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    for image in images:
        beat()
        log_p = torch.log_softmax(model(image[None])[0, list(columns)].float(), dim=0)
        for each in log_p:
            gradients = torch.autograd.grad(each, list(weights.values()), retain_graph=True, materialize_grads=True)
            for name, gradient in zip(weights, gradients, strict=True):
                total[name] += each.exp().detach() * gradient.square()
    return Anchor(
        {name: weight.detach() for name, weight in weights.items()},
        {name: value / max(1, len(images)) for name, value in total.items()},
    )
