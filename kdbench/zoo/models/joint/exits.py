"""A network that answers at several depths."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from kdbench.spec.types import Network
from kdbench.zoo.layers.cut import after, between, up_to
from kdbench.zoo.layers.taps import Shape, trace
from kdbench.zoo.models.joint.heads import JointNetwork, MakeNetwork, classes_of_each, merged, numbered


def exits(
    classes: int,
    shape: tuple[int, int, int],
    network: MakeNetwork,
    *,
    of: Network,
    at: tuple[str, ...] = ("first", "middle"),
) -> nn.Module:
    """A network with a further classifier after each layer of `at`, from input to output; its own is the last exit.

    Formula: an exit on features [channels, height, width] is average pool to 2x2 - linear; on flat ones a linear layer.
    Shapes: images [B, *shape] to logits [B, classes], of the heads `exit 1`, `exit 2` ..., the shallowest first.
    Raises: NotApplicable where classes is no multiple of the number of exits, or the network cannot be cut at a layer.
    Source: Zhang et al. 2019, Be Your Own Teacher (arXiv:1905.08094), section 3.1.
    Differs: there convolutions bring the features of each exit to the size of the last stage's; they would cost more
    than what a small network has left to compute.
    """
    each = classes_of_each(classes, numbered("exit", len(at) + 1))
    traced = trace(network(of, each), shape)
    parts = [up_to(traced, at[0]), *(between(traced, *layers) for layers in pairwise(at)), after(traced, at[-1])]
    return Exits(parts, [_head(traced.shape(layer), each) for layer in at], lambda: network(of, each))


def _head(features: Shape, classes: int) -> nn.Module:
    if len(features) == 1:
        return nn.Linear(features[0], classes)
    height, width = (min(2, side) for side in features[1:])
    pool = nn.AdaptiveAvgPool2d((height, width))
    return nn.Sequential(pool, nn.Flatten(), nn.Linear(features[0] * height * width, classes))


class Exits(JointNetwork):
    """A network in parts, with a classifier after each but the last; `make` gives the network that was cut."""

    def __init__(
        self, parts: Sequence[nn.Module], classifiers: Sequence[nn.Module], make: Callable[[], nn.Module]
    ) -> None:
        super().__init__(numbered("exit", len(parts)))
        self.parts = nn.ModuleList(parts)
        self.classifiers = nn.ModuleList(classifiers)
        self.make = make

    def forward(self, images: Tensor) -> Tensor:
        logits, features = [], images
        for part, classify in zip(self.parts, self.classifiers, strict=False):
            features = part(features)
            logits.append(classify(features))
            features = features.clone()  # the next part may begin with an activation in place
        return torch.cat((*logits, self.parts[-1](features)), dim=1)

    def part(self, number: int) -> nn.Module:
        if number == len(self.classifiers):
            return merged(self.make(), tuple(self.parts))
        return nn.Sequential(*self.parts[: number + 1], self.classifiers[number])
