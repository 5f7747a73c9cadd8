"""A student whose deeper layers teach the shallower ones."""

from kdbench.spec import Lesson, Site, UserError
from kdbench.spec.planning.entry import ALONE
from kdbench.spec.types import Count


def own_teacher(
    site: Site, taught: bool, *, at: tuple[str, ...] = ("first", "middle"), exit: Count | None = None
) -> str:
    """The student answers after each layer of `at`, too; its last exit learns from the labels and teaches the others.

    Formula: the loss of exit k is L(z_k, z_last, y), without a gradient through z_last; of the last CE(z_last, y).
    `exit` is the one that the row reports, from 1 for the shallowest on, by default the last, which is the whole
    student. A loss without a teacher trains all exits on the labels alone.
    Raises: UserError without layers, and where there is no such exit.
    Source: Zhang et al. 2019, Be Your Own Teacher (arXiv:1905.08094), section 3.2.
    Differs: its loss between features of the exits is left out.
    """
    names = [f"exit {number}" for number in range(1, len(at) + 2)]
    if not at or (exit or 1) > len(names):
        text = f"'self' with the layers {list(at)} has {len(names)} exits, and exit is {exit}"
        raise UserError(text, help="name one layer at least in at, and an exit from 1 on up to one more than layers")
    last = names[-1]
    lessons = {name: [Lesson(loss=site.loss, peers=(last,) if taught else ())] for name in names}
    lessons[last] = [Lesson(loss=site.fill(ALONE, "losses") if taught else site.loss)]
    return site.joint("exits", {"at": list(at)}, lessons, head=names[exit - 1] if exit else last, main=last)
