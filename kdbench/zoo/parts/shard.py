"""The samples of one of several clients."""

from dataclasses import replace

import torch
from scipy import special
from torch import Tensor

from kdbench.spec.types import Count, Neutral, Positive, WholeNumber
from kdbench.zoo.interface import Draw, NotApplicable
from kdbench.zoo.parts.strata import by_class, stream_of


def shard(
    labels: Tensor,
    draw: Draw,
    *,
    index: WholeNumber,
    of: Count,
    alpha: Positive = 0.5,
    seed: Neutral[WholeNumber] = 0,
) -> Tensor:
    """The samples of client `index` of `of`, between whom each class is divided by shares drawn from Dirichlet(alpha).

    The shards of all indices are disjoint and together hold every sample. The smaller `alpha`, the fewer classes a
    client has; a large one gives all clients nearly the same number of each class. Each `seed` divides them otherwise.
    Shapes: labels [N], int64; gives positions in it, int64.
    Raises: NotApplicable where `index` is not below `of`, or where no sample falls to the client.
    Source: Hsu, Qi, Brown 2019 (arXiv:1909.06335), in the form of Lin et al. 2020, FedDF (arXiv:2006.07242): shares of
    each class among the clients.
    Differs: not drawn again until every client has at least so many samples.
    """
    if index >= of:
        raise NotApplicable(f"index is {index}, but of {of} shards the last has the index {of - 1}")
    own = []
    for members in by_class(labels, draw, stream_of("shard", seed)):
        label = labels[members[:1]]
        ends = (
            (_shares(replace(draw, samples=label), stream_of("shard shares", seed), of, alpha).cumsum(0) * len(members))
            .round()
            .long()
        )
        start = int(ends[index - 1]) if index else 0
        own.append(members[start : int(ends[index]) if index < of - 1 else len(members)])
    if not sum(map(len, own)):
        raise NotApplicable(f"no sample falls to shard {index} of {of}; raise alpha or lower `of`")
    return torch.cat(own)


def _shares(draw: Draw, stream: str, of: int, alpha: float) -> Tensor:
    """What each of the clients gets of a class [of], float64: independent Gamma(alpha) over their sum.

    The draw's only sample is the label of the class.
    """
    words = draw.words(stream, of)[0]
    uniform = (words.double() + 0.5) / 2**63
    gamma = torch.from_numpy(special.gammaincinv(alpha, uniform.numpy()))
    if gamma.sum() == 0:  # alpha is so small that all of them are below the smallest float: one client gets the class
        gamma = (uniform == uniform.max()).double()
    return gamma / gamma.sum()
