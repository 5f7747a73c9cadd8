"""What an exported file predicts of a test split, held against the labels and against the teacher."""

import base64

import numpy as np
from numpy.typing import NDArray

from kdbench.spec import Record
from kdbench.spec.choice import Several


class ConfidenceBin(Record):
    """Samples whose largest probability falls into one bin."""

    count: int
    confidence: float  # sum of the largest probabilities
    correct: int


class Predictions(Record):
    """Predictions of the samples of a test split, in order."""

    samples: int
    correct_bits: str  # base64 of one bit per sample
    loss: float  # cross-entropy, mean: the negative log likelihood
    brier: float  # squared distance of the probabilities from the label's, summed over classes; mean
    confidence: Several[ConfidenceBin]  # equal widths of the largest probability from 0 to 1
    most_common: int | None = None  # samples of the largest class; none in records of an older kdbench

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Which samples are predicted right [samples]."""
        return unpack_bits(self.correct_bits, self.samples)

    @property
    def top1(self) -> float:
        """The share of samples predicted right, 0 to 1."""
        return float(self.correct.mean())


class Agreement(Record):
    """A student against its teacher on the test split."""

    top1: float  # share of samples on which both predict the same class
    kl: float  # mean KL(teacher || student) of the probabilities, nats


def pack_bits(correct: NDArray[np.bool_]) -> str:
    """One bit a sample, base64."""
    return base64.b64encode(np.packbits(correct).tobytes()).decode("ascii")


def unpack_bits(text: str, samples: int) -> NDArray[np.bool_]:
    """The inverse of `pack_bits`."""
    packed = np.frombuffer(base64.b64decode(text), dtype=np.uint8)
    return np.unpackbits(packed, count=samples).astype(bool)
