"""Several networks of one architecture beside each other."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kdbench.spec.types import Network, PeerCount
from kdbench.zoo.models.joint.heads import JointNetwork, MakeNetwork, classes_of_each, numbered


def peers(
    classes: int,
    shape: tuple[int, int, int],  # noqa: ARG001 - every model takes both
    network: MakeNetwork,
    *,
    of: Network,
    count: PeerCount = 2,
) -> nn.Module:
    """`count` networks that share nothing but their images. The first begins with the weights that it has alone.

    Shapes: images [B, *shape] to logits [B, classes], those of the heads `peer 1`, `peer 2` ... beside each other.
    Raises: NotApplicable where classes is no multiple of count.
    Source: Zhang et al. 2018, Deep Mutual Learning (arXiv:1706.00384), section 2.
    """
    each = classes_of_each(classes, numbered("peer", count))
    return Peers([network(of, each) for _ in range(count)])


class Peers(JointNetwork):
    """Networks side by side."""

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__(numbered("peer", len(networks)))
        self.networks = nn.ModuleList(networks)

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([network(images) for network in self.networks], dim=1)

    def part(self, number: int) -> nn.Module:
        return self.networks[number]
