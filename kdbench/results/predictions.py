"""What an exported file predicts of a test split, held against the labels and against the teacher."""

import base64
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from kdbench.results.stored import Amount, Natural, Number, Part, Raw
from kdbench.spec.choice import Several

ROUNDED = 1.001  # probabilities of float32 may be a little over 1


class ConfidenceBin(Raw):
    """Samples whose largest probability falls into one bin."""

    count: Number
    confidence: Amount  # sum of the largest probabilities
    correct: Number

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if max(self.confidence / ROUNDED, self.correct) > self.count:
            raise ValueError(f"{self.count} samples have a confidence of {self.confidence:g}, {self.correct} are right")
        return self


class Predictions(Raw):
    """Predictions of the samples of a test split, in order."""

    samples: Natural
    correct_bits: str  # base64 of one bit per sample
    loss: Amount  # cross-entropy, mean: the negative log likelihood
    brier: Amount  # squared distance of the probabilities from the label's, summed over classes; mean
    confidence: Several[ConfidenceBin]  # equal widths of the largest probability from 0 to 1
    most_common: Number | None = None  # samples of the largest class; none in records of an older kdbench

    @model_validator(mode="after")
    def _fits(self) -> Self:
        """What is told twice must agree: the bits of samples, and their counts by confidence."""
        right = int.from_bytes(_unpacked(self.correct_bits, self.samples)).bit_count()
        told = sum(each.count for each in self.confidence), sum(each.correct for each in self.confidence)
        if told != (self.samples, right):
            raise ValueError(f"{right} of {self.samples} samples are right, and by confidence {told[1]} of {told[0]}")
        if (self.most_common or 0) > self.samples:
            raise ValueError(f"the largest class has {self.most_common} of {self.samples} samples")
        return self

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Which samples are predicted right [samples]."""
        return unpack_bits(self.correct_bits, self.samples)

    @property
    def top1(self) -> float:
        """The share of samples predicted right, 0 to 1."""
        return float(self.correct.mean())


class Agreement(Raw):
    """A student against its teacher on the test split."""

    top1: Part  # share of samples on which both predict the same class
    kl: float  # mean KL(teacher || student) of the probabilities, nats


def pack_bits(correct: NDArray[np.bool_]) -> str:
    """One bit a sample, base64."""
    return base64.b64encode(np.packbits(correct).tobytes()).decode("ascii")


def unpack_bits(text: str, samples: int) -> NDArray[np.bool_]:
    """The inverse of `pack_bits`."""
    packed = np.frombuffer(_unpacked(text, samples), dtype=np.uint8)
    return np.unpackbits(packed, count=samples).astype(bool)


def _unpacked(text: str, samples: int) -> bytes:
    """Raises `ValueError` where these are not so many bits in base64."""
    try:
        packed = base64.b64decode(text, validate=True)
    except ValueError:
        packed = b""
    if len(packed) != (samples + 7) // 8:
        raise ValueError(f"correct_bits are not one bit for each of {samples} samples")
    return packed
