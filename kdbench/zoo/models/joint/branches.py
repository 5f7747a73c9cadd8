"""Several networks that share their first layers, and a gate that weighs them."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from kdbench.spec.types import Network, PeerCount
from kdbench.zoo.layers.cut import after, up_to
from kdbench.zoo.layers.taps import Shape, trace
from kdbench.zoo.models.joint.heads import JointNetwork, MakeNetwork, classes_of_each, merged, numbered

GATE = "gate"


def branches(
    classes: int,
    shape: tuple[int, int, int],
    network: MakeNetwork,
    *,
    of: Network,
    count: PeerCount = 3,
    at: str = "middle",
) -> nn.Module:
    """`count` copies of what follows the layer `at` of a network, each with other initial weights, and a gate.

    Formula: z_k = b_k(t(x)); g = softmax(ReLU(BN(linear(pool(t(x)))))); the gate's logits are sum over k of g_k z_k.
    Shapes: images [B, *shape] to logits [B, classes], of the heads `branch 1`, `branch 2` ... and `gate`.
    Raises: NotApplicable where classes is no multiple of count + 1, or the network cannot be cut at the layer.
    Source: Lan et al. 2018, Knowledge Distillation by On-the-Fly Native Ensemble (arXiv:1806.04606), section 3.2.
    """
    each = classes_of_each(classes, (*numbered("branch", count), GATE))
    traced = [trace(network(of, each), shape) for _ in range(count)]
    own = [after(one, at) for one in traced]
    return Branches(up_to(traced[0], at), own, traced[0].shape(at), lambda: network(of, each))


class Branches(JointNetwork):
    """A trunk with branches; `features` is the shape of what it gives, `make` the network that was cut."""

    def __init__(
        self, trunk: nn.Module, own: Sequence[nn.Module], features: Shape, make: Callable[[], nn.Module]
    ) -> None:
        super().__init__((*numbered("branch", len(own)), GATE))
        self.trunk = trunk
        self.branches = nn.ModuleList(own)
        pool: list[nn.Module] = [nn.AdaptiveAvgPool2d(1), nn.Flatten()] if len(features) == 3 else []
        scores = [nn.Linear(features[0], len(own)), nn.BatchNorm1d(len(own)), nn.ReLU()]
        self.gate = nn.Sequential(*pool, *scores)
        self.make = make

    def forward(self, images: Tensor) -> Tensor:
        logits, weighed = self._answers(images)
        return torch.cat((*logits, weighed), dim=1)

    def part(self, number: int) -> nn.Module:
        if number == len(self.branches):
            return Gated(self)
        return merged(self.make(), (self.trunk, self.branches[number]))

    def _answers(self, images: Tensor) -> tuple[list[Tensor], Tensor]:
        """The logits [B, classes] of each branch, and of the gate."""
        features = self.trunk(images)
        # A branch may begin with an activation in place.
        logits = [branch(features.clone()) for branch in self.branches]
        shares = self.gate(features).softmax(dim=1)
        return logits, torch.einsum("bk,kbc->bc", shares, torch.stack(logits))


class Gated(nn.Module):
    """All branches under the gate: the ensemble."""

    def __init__(self, whole: Branches) -> None:
        super().__init__()
        self.whole = whole

    def forward(self, images: Tensor) -> Tensor:
        return self.whole._answers(images)[1]
