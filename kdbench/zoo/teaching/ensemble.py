"""Several teachers and one student."""

from typing import Literal

from kdbench.spec import Site
from kdbench.spec.types import TeacherCount


def ensemble(
    site: Site,
    *,
    count: TeacherCount = 3,
    combine: Literal["probabilities", "logits"] = "probabilities",
) -> str:
    """`count` teachers of one kind, each trained from a seed of its own, and one student that learns from their mean.

    "probabilities": the mean of softmax(z / T) over the teachers, T the loss's temperature, or 1 where it has none.
    "logits": the mean of the logits z. A loss that reads layers of a teacher cannot have several, and is skipped.
    Source: Hinton et al. 2015 (arXiv:1503.02531), section 1; You et al. 2017, Learning from Multiple Teacher Networks
    (doi:10.1145/3097983.3098135), equation 3, the mean of softened probabilities.
    """
    teachers = [site.teacher(further) for further in range(count)]
    return site.add(site.student(*teachers, combine=combine))
