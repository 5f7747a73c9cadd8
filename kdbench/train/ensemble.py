"""Several networks as one: how their outputs are combined, in a lesson and in an ensemble that is deployed."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from kdbench.spec.trial import Mean


class Ensemble(nn.Module):
    """Networks of one task, whichever their architectures, whose output is the mean of theirs."""

    def __init__(self, members: Sequence[nn.Module], combine: Mean) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.combine = combine

    def forward(self, images: Tensor) -> Tensor:
        """Logits [B, C] of images [B, ...]: their mean, or the logarithm of the mean of softmax(z)."""
        logits = torch.stack([member(images) for member in self.members])
        return logits.mean(dim=0) if self.combine == "logits" else mean_of_probabilities(logits)


def mean_of_probabilities(logits: Tensor, temperature: float = 1.0, shares: Tensor | None = None) -> Tensor:
    """T log(sum over k of share_k softmax(z_k / T)), whose softmax at the temperature T is that mean.

    Shapes: logits z [K, B, C] of K networks, shares [K, B] of each sample, by default 1 / K; gives [B, C].
    """
    logs = torch.log_softmax(logits / temperature, dim=-1)
    if shares is None:
        return temperature * (torch.logsumexp(logs, dim=0) - math.log(len(logits)))
    return temperature * torch.logsumexp(logs + shares.log()[..., None], dim=0)


def confidence(logits: Tensor, labels: Tensor) -> Tensor:
    """What each network counts for a sample: (1 - softmax over k of CE_k) / (K - 1), which adds up to 1.

    For a sample without a label (-1) all count alike.
    Shapes: logits [K, B, C] of K > 1 networks; labels [B], int64, or shares [B, C]; gives [K, B].
    Source: Zhang, Chen, Wang 2022, Confidence-Aware Multi-Teacher Knowledge Distillation (arXiv:2201.00007), section 2.
    """
    costs = torch.stack(
        [functional.cross_entropy(each, labels, reduction="none", ignore_index=-1) for each in logits.float()]
    )
    return (1 - torch.softmax(costs, dim=0)) / (len(logits) - 1)
