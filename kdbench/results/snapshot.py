"""A trial in the middle of its training, as it was at the end of an epoch: from it an interrupted training goes on."""

from typing import Literal

from kdbench.results.records import CurvePoint, TrainingCost
from kdbench.results.stored import Raw, Sha256
from kdbench.spec.choice import Several
from kdbench.spec.types import WholeNumber


class Snapshot(Raw):
    """All of it but its tensors, whose hash it has. It lies in the metadata of their file, which is replaced.

    `origin` is the hash of all that the bits of a training depend on beside its trial: the data, those before it,
    torch, the machine and how the process is set up.
    """

    origin: str
    tensors_sha256: Sha256
    epoch: int
    steps: WholeNumber
    samples: WholeNumber
    curve: Several[CurvePoint]
    stopped: Literal["epochs", "patience", "diverged"] | None  # where others of its cohort went on
    diverged: str
    cost: TrainingCost  # up to here
