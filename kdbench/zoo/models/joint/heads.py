"""What networks with several heads have in common: their output, and the part of them that one head needs."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from torch import Tensor, nn

from kdbench.spec import nearest
from kdbench.spec.types import Network
from kdbench.zoo.interface import NotApplicable

# From a choice among the models, and a number of classes, to that network with fresh weights.
MakeNetwork = Callable[[Network, int], nn.Module]


class JointNetwork(nn.Module, ABC):
    """A network of several heads, each with all classes: logits [B, heads x classes], in the order of `heads`."""

    def __init__(self, heads: Sequence[str]) -> None:
        super().__init__()
        self.heads = tuple(heads)

    @abstractmethod
    def forward(self, images: Tensor) -> Tensor:
        """Logits [B, heads x classes] of images [B, C, H, W]."""

    @abstractmethod
    def part(self, number: int) -> nn.Module:
        """What computes the logits [B, classes] of the head with this number, from 0 on, with its weights."""

    def deployed(self, head: str) -> nn.Module:
        """What computes the logits of one head alone. Raises `NotApplicable` where there is no such head."""
        if head not in self.heads:
            raise NotApplicable(f"no head '{head}' in this network; {nearest(head, self.heads)}")
        return self.part(self.heads.index(head))


def numbered(name: str, count: int) -> tuple[str, ...]:
    """'peer 1', 'peer 2' ..."""
    return tuple(f"{name} {number}" for number in range(1, count + 1))


def classes_of_each(outputs: int, heads: Sequence[str]) -> int:
    """The classes of each of these heads, of a network with so many outputs.

    Raises `NotApplicable` where they are not a multiple: a trial with such a network has these heads.
    """
    if outputs % len(heads):
        raise NotApplicable(
            f"a network with the heads {', '.join(heads)} was asked for {outputs} outputs, which are not a multiple of "
            f"{len(heads)}: it is made by a way of teaching, whose trial has these heads"
        )
    return outputs // len(heads)


def merged(fresh: nn.Module, parts: Sequence[nn.Module]) -> nn.Module:
    """A network with the weights of the parts that it was cut into, which have kept their names."""
    fresh.load_state_dict({name: value for part in parts for name, value in part.state_dict().items()})
    return fresh
