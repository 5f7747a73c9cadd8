"""Which view of a sample an epoch shows: the schedule that a suite declares as `views`.

"fresh": every seed draws its own in every epoch. "shared": one view an epoch, the same for all seeds. "bank": a finite
number of views per sample; each seed starts at its own place among them and goes round. Shared views are the first of
the bank, so a teacher's outputs for them are computed once for both.
"""

from torch import Tensor

from kdbench.spec import TrainSpec
from kdbench.zoo.interface import Draw


def bank_draw(slots: Tensor | int, samples: Tensor) -> Draw:
    """What the bank's views are drawn from: the same for every seed of a suite."""
    return Draw(0, slots, samples, purpose="bank")


def slots_of(spec: TrainSpec, seed: int, epoch: int, samples: Tensor) -> Tensor | int | None:
    """Where in the bank an epoch (from 1) finds its views: one place for all samples or one each [B]; none if fresh."""
    count = spec.slots
    if count is None:
        return None
    if count == 1 or spec.views == "shared":
        return (epoch - 1) % count
    # Each sample begins at a random place, and comes back to it only after it has shown all of its views.
    return (Draw(seed, 0, samples).integers("bank", count) + (epoch - 1)) % count
