"""The stages of a network, from one pass: its spatial resolutions, its blocks of tokens, or its hidden layers."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import NamedTuple

from torch import Tensor, nn

_DROPOUT = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout, nn.FeatureAlphaDropout)


class Call(NamedTuple):
    """One layer as it ran, on a batch of one image."""

    name: str
    module: nn.Module
    entered: Tensor | None
    gave: Tensor
    version: int  # torch counts the writes into a tensor: a higher count after the pass means overwritten


def find_stages(ran: Sequence[Call], *, square: bool) -> tuple[str, ...]:
    """One layer for every stage, from input to output: see `trace`. `square` says that the image is one."""
    return _token_blocks(ran) or _resolutions(ran, square=square) or _hidden_layers(ran)


def _token_blocks(ran: Sequence[Call]) -> tuple[str, ...]:
    """Siblings of one class, each of several layers, that give tokens [1, N, D] of one shape: the outermost.

    A part that gives a map in the end is one for the network, whatever it works with inside (MobileViT, PVT).
    """
    maps = {call.name for call in ran if call.gave.ndim == 4}
    alike = defaultdict(set)
    for call in ran:
        tokens = call.gave.ndim == 3 and len(call.gave) == 1
        if tokens and any(True for _ in call.module.children()) and not _is_inside(call.name, maps):
            parent = call.name.rpartition(".")[0]
            alike[parent, type(call.module), call.gave.shape].add(call.name)
    blocks = {name for siblings in alike.values() if len(siblings) > 1 for name in siblings}
    return tuple(call.name for call in ran if call.name in blocks and not _is_inside(call.name, blocks))


def _resolutions(ran: Sequence[Call], *, square: bool) -> tuple[str, ...]:
    """The last layer at each spatial resolution over 1x1, among the shallowest that have it.

    Resolutions only shrink: VGG's adaptive pooling, which enlarges 1x1 to 7x7, makes no stage. Nor does what stands
    inside a layer that gives tokens: an attention matrix has no height and width.
    """
    tokens = {call.name for call in ran if call.gave.ndim == 3 and not isinstance(call.module, nn.Sequential)}
    turned = {call.name for call in ran if square and _is_channels_last(call.gave)}
    found: dict[tuple[int, int], str] = {}
    for call in ran:
        if call.gave.ndim != 4 or call.gave.shape[2] * call.gave.shape[3] == 1:
            continue
        if call.name in turned or _is_inside(call.name, tokens):
            continue
        size = call.gave.shape[2], call.gave.shape[3]
        known = found.get(size)
        if known is None and any(size[0] * size[1] > height * width for height, width in found):
            continue
        if known is None or call.name.count(".") <= known.count("."):
            found.pop(size, None)  # so that the order is that of the layers chosen
            found[size] = call.name
    if turned and len(found) == 1:
        return ()  # the patch embedding of a Swin, whose stages all have their channels last
    return tuple(found.values())


def _hidden_layers(ran: Sequence[Call]) -> tuple[str, ...]:
    """The last flat layer, dropout aside, between each linear layer and the next."""
    hidden: list[str] = []
    for call in ran:
        if isinstance(call.module, nn.Linear) and call.gave.ndim == 2:
            hidden.append(call.name)
        elif hidden and call.gave.ndim == 2 and not isinstance(call.module, _DROPOUT):
            hidden[-1] = call.name
    return tuple(hidden[:-1])


def _is_channels_last(gave: Tensor) -> bool:
    """Whether a square image is [1, height, width, channels] by now."""
    return gave.ndim == 4 and gave.shape[1] == gave.shape[2] != gave.shape[3]


def _is_inside(name: str, parts: Collection[str]) -> bool:
    """Whether a dotted path leads through one of `parts`."""
    steps = name.split(".")
    return any(".".join(steps[:count]) in parts for count in range(1, len(steps)))
