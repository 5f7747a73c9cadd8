"""One word for each comparison of a family: the share of families with any false word is at most `ALPHA`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kdbench.statistics.intervals import Estimate
from kdbench.statistics.paired import EQUIVALENCE, SEEDS_FOR_A_CLAIM, holm

# 'above 0' and 'below 0': that is shown, but not by more than the margin. 'unstable': seeds collapsed, so that no
# mean describes them.
Word = Literal["better", "above 0", "equivalent", "undecided", "unstable", "below 0", "worse"]
ALPHA = 0.05


@dataclass(frozen=True)
class Verdict:
    """What is shown of a difference, in its family, against a margin within which it is of no practical consequence."""

    word: Word
    p_value: float | None  # adjusted for the family; None where nothing can be judged


def family_verdicts(differences: Sequence[Estimate | None], margin: float = EQUIVALENCE) -> list[Verdict]:
    """The verdict on each difference, in the order given.

    Three one-sided tests ask whether it is above the margin, below the negative margin, or between them (two one-sided
    tests, Schuirmann 1987). Whatever the truth is, at most two of the three can be false, so twice the least p-value is
    the comparison's own, and Holm adjusts it for the family. A comparison with under `SEEDS_FOR_A_CLAIM` seeds or
    without a variance is undecided; like one that is None, which seeds that collapsed make unstable, it counts as one
    of the family.
    """
    judged = [_judge(each, margin) for each in differences]
    adjusted = holm([1.0 if found is None else found[1] for found in judged])
    return [_verdict(each, found, p) for each, found, p in zip(differences, judged, adjusted, strict=True)]


def _judge(difference: Estimate | None, margin: float) -> tuple[Word, float] | None:
    """The word that is best supported, and its p-value; None where nothing can be judged."""
    if difference is None or difference.error is None or len(difference.values) < SEEDS_FOR_A_CLAIM:
        return None
    mean, error = difference.mean, difference.error
    p_values: dict[Word, float] = {
        "better": error.p_above(mean, margin),
        "worse": error.p_above(-mean, margin),
        "equivalent": max(error.p_above(mean, -margin), error.p_above(-mean, -margin)),
    }
    word = min(p_values, key=p_values.__getitem__)
    return word, min(1.0, 2 * p_values[word])


def _verdict(difference: Estimate | None, found: tuple[Word, float] | None, p: float) -> Verdict:
    if found is None:
        return Verdict("unstable" if difference is None else "undecided", None)
    return Verdict(found[0] if p <= ALPHA else "undecided", p)
