"""Several teachers and one student."""

from typing import Literal

from kdbench.spec import Site, UserError
from kdbench.spec.types import Network, TeacherCount

MOST_TEACHERS = 5


def ensemble(
    site: Site,
    *,
    count: TeacherCount = 3,
    others: tuple[Network, ...] = (),
    combine: Literal["probabilities", "logits", "losses", "confidence"] = "probabilities",
    compared: bool = False,
) -> str:
    """`count` teachers of the pair's kind, each trained from a seed of its own, and one student that learns from all.

    `others` are further teachers of other architectures, at most five in all. What the student learns from:
    "probabilities": the mean of softmax(z / T) over the teachers, T the loss's temperature, or 1 where it has none.
    "logits": the mean of the logits z. "losses": the mean of the loss under each teacher; a loss that reads layers of a
    teacher can have several only so, and is skipped else. "confidence": as "probabilities", with the share
    (1 - softmax_k CE_k) / (K - 1) of teacher k in each sample, CE_k its cross-entropy there.
    With `compared` the ensemble itself is reported, too, as the mean of logits under "logits", else of probabilities,
    and a student of each single teacher is trained and tested.
    Raises: UserError for more than five teachers, and for the same one twice.
    Source: Hinton et al. 2015 (arXiv:1503.02531), section 1; You et al. 2017, Learning from Multiple Teacher Networks
    (doi:10.1145/3097983.3098135), equation 3, the mean of softened probabilities; Zhang et al. 2022, CA-MKD
    (arXiv:2201.00007), section 2, "confidence".
    Differs: of CA-MKD's losses the one on features is left out.
    """
    if count + len(others) > MOST_TEACHERS:
        raise UserError(
            f"an ensemble has {count} teachers of the pair's kind and {len(others)} others; allowed are at most "
            f"{MOST_TEACHERS}",
            help="lower count, or name fewer others",
        )
    teachers = [site.teacher(further) for further in range(count)]
    teachers += [site.teacher(model=site.model(other)) for other in others]
    if len({*teachers}) < len(teachers):
        raise UserError(
            "an ensemble has the same teacher twice", help="let others be models that differ, and no teacher's"
        )
    if compared:
        for number, teacher in enumerate(teachers, start=1):
            site.add(site.student(teacher), position=number, evaluated=True)
        site.ensemble(site.pair.teacher, *teachers, combine="logits" if combine == "logits" else "probabilities")
    return site.add(site.student(*teachers, combine=combine))
