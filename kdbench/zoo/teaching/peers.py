"""Students that teach each other."""

from kdbench.spec import Lesson, Site, UserError
from kdbench.spec.types import Count, PeerCount


def peers(site: Site, taught: bool, *, count: PeerCount = 2, peer: Count = 1) -> str:
    """`count` students of one architecture learn together, each from the labels and from all others; no teacher.

    Formula: the loss of peer k is the mean over the others j of L(z_k, z_j, y), without a gradient through z_j; with
    L = CE(z_k, y) + KL(p_j || p_k) it is deep mutual learning. `peer` is the one that the row reports. A loss without a
    teacher trains them side by side: each is the student alone, with other initial weights.
    Raises: UserError where `peer` is above `count`.
    Source: Zhang et al. 2018, Deep Mutual Learning (arXiv:1706.00384), equations 5 and 6.
    Differs: all peers take their step at once; there each is updated in turn, under the others' newest predictions.
    """
    if peer > count:
        raise UserError(f"'peers' reports peer {peer} of {count}", help="lower peer, or raise count")
    names = [f"peer {number}" for number in range(1, count + 1)]
    share = 1 / (count - 1)
    lessons = {
        own: [Lesson(loss=site.loss, peers=(other,), weight=share) for other in names if other != own]
        if taught
        else [Lesson(loss=site.loss)]
        for own in names
    }
    return site.joint("peers", {"count": count}, lessons, head=names[peer - 1], main=names[0])
