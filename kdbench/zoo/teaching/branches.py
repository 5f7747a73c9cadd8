"""Students that share their first layers, and learn from all of them under a gate."""

from kdbench.spec import Lesson, Site, UserError
from kdbench.spec.planning.entry import ALONE
from kdbench.spec.types import Count, PeerCount

GATE = "gate"


def branches(
    site: Site, taught: bool, *, count: PeerCount = 3, at: str = "middle", branch: Count = 1, gated: bool = False
) -> str:
    """`count` copies of the student from the layer `at` on learn from the labels and from their mean under a gate.

    Formula: the loss of branch k is L(z_k, z_g, y), without a gradient through the gated logits z_g, which learn from
    the labels: CE(z_g, y). `branch` is the one that the row reports, or with `gated` all of them under the gate, a
    larger network. A loss without a teacher trains branches and gate on the labels alone.
    Raises: UserError where `branch` is above `count`, and where it is given with `gated`.
    Source: Lan et al. 2018, Knowledge Distillation by On-the-Fly Native Ensemble (arXiv:1806.04606), equations 5 to 8.
    """
    if branch > count:
        raise UserError(f"'branches' reports branch {branch} of {count}", help="lower branch, or raise count")
    if gated and branch != 1:
        text = f"'branches' reports branch {branch}, and with gated = true all of them under the gate"
        raise UserError(text, help="drop branch or gated")
    names = [f"branch {number}" for number in range(1, count + 1)]
    lessons = {name: [Lesson(loss=site.loss, peers=(GATE,) if taught else ())] for name in names}
    lessons[GATE] = [Lesson(loss=site.fill(ALONE, "losses") if taught else site.loss)]
    head = GATE if gated else names[branch - 1]
    return site.joint("branches", {"count": count, "at": at}, lessons, head=head, main=names[0])
