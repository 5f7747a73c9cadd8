"""The samples of new classes, and a memory of old ones."""

from typing import Literal

import torch
from torch import Tensor

from kdbench.spec.types import Count, WholeNumber
from kdbench.zoo.interface import Draw
from kdbench.zoo.parts.classes import classes
from kdbench.zoo.parts.strata import by_class


def replay(
    labels: Tensor,
    draw: Draw,
    *,
    new: tuple[WholeNumber, ...],
    old: tuple[WholeNumber, ...],
    count: Count,
    kept: Literal["reservoir", "class"] = "reservoir",
) -> Tensor:
    """All samples of the classes `new`, and of the classes `old` those that a memory kept.

    "reservoir": `count` in all, each sample seen so far as likely as any other: those with the smallest random number,
    so that what a memory has later of a class is part of what it had earlier. "class": `count` of each class.
    Shapes: labels [N], int64; gives positions in it, int64.
    Raises: NotApplicable where a class has no samples.
    Source: Vitter 1985 (doi:10.1145/3147.3165), reservoir sampling; Rebuffi et al. 2017, iCaRL (arXiv:1611.07725), a
    memory by class; Chaudhry et al. 2019 (arXiv:1902.10486) for replay from both.
    Differs: iCaRL keeps the samples nearest to the mean of their class, here they are random.
    """
    seen = classes(labels, draw, which=old)
    if kept == "class":
        memory = torch.cat([of[:count] for of in by_class(labels, draw, "memory") if int(labels[of[0]]) in old])
    else:
        memory = seen[torch.argsort(draw.words("memory")[seen, 0], stable=True)[:count]]
    return torch.cat([classes(labels, draw, which=new), memory])
