"""What passes between the training loop and the zoo's callables."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from kdbench.zoo.streamed import Streamed

# A step of splitmix64: a bijection of 64-bit words whose outputs pass statistical tests as random.
_GAMMA = -7046029254386353131  # 0x9E3779B97F4A7C15 as a signed integer
_MIX1 = -4658895280553007687  # 0xBF58476D1CE4E5B9
_MIX2 = -7723592293110705685  # 0x94D049BB133111EB


class NotApplicable(Exception):
    """This loss, model or dataset cannot serve this pair: the trial is skipped, with the reason."""


class NoSuchLayer(NotApplicable):
    """A layer that was named is not in this network: where no pair's network has it, the suite is refused."""


@dataclass(frozen=True)
class Outputs:
    """What a network computed for a batch: logits [B, C], and by layer the features that the loss reads."""

    logits: Tensor
    features: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Split:
    """Samples: images [N, channels, height, width], uint8 or float32, and labels [N], int64."""

    images: Tensor | Streamed
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: Tensor) -> "Split":
        """The samples at `index` [K], int64."""
        images = self.images.take(index) if isinstance(self.images, Streamed) else self.images[index]
        return Split(images, self.labels[index])


@dataclass(frozen=True)
class Dataset:
    """A dataset as it was published: training and test split. Validation is held out of train by kdbench.

    `class_names` are in the order of the labels; none where the dataset has no names for its classes. `notes` say what
    was left out or changed, in sentences that a run tells.
    """

    train: Split
    test: Split
    classes: int
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Draw:
    """Random numbers that are a function of (seed, purpose, step, sample): the same however samples are batched.

    `samples` [B] int64 are the indices of the batch in the training split; `step` (an epoch, a slot of the bank) is
    one for all of them, or an int64 tensor [B] with one for each. Every use names a `stream` of its own; `purpose`
    tells apart what uses the same streams (views of a training, of the bank, of a condition). What belongs to no
    sample (initial weights, an order) needs no `samples`: its generator of torch is seeded by `seed_of`.
    """

    seed: int
    step: int | Tensor = 0
    samples: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64))
    purpose: str = "training"

    def seed_of(self, stream: str) -> int:
        """A seed for a generator of torch, 63 bits: a function of seed, purpose, step (an integer) and stream."""
        content = f"{self.seed} {self.purpose} {int(self.step)} {stream}"
        digest = hashlib.blake2b(content.encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") >> 1

    def generator(self, stream: str) -> torch.Generator:
        """A generator of torch on the CPU, seeded by `seed_of`."""
        return torch.Generator().manual_seed(self.seed_of(stream))

    def words(self, stream: str, count: int = 1) -> Tensor:
        """Random 63-bit words [B, count], int64, not negative."""
        name = int.from_bytes(hashlib.blake2b(f"{self.purpose} {stream}".encode(), digest_size=7).digest(), "big")
        seed = torch.full((), self.seed, dtype=torch.int64, device=self.samples.device)  # made on the device
        words = _mix(_mix(_mix(seed) + self.step) + name)
        words = _mix(words + self.samples)[:, None] + torch.arange(count, device=self.samples.device)[None, :]
        return _mix(words) & 0x7FFFFFFFFFFFFFFF

    def integers(self, stream: str, below: int) -> Tensor:
        """Uniform integers [B] in [0, below)."""
        return self.words(stream)[:, 0] % below

    def uniform(self, stream: str, count: int = 1) -> Tensor:
        """Uniform floats [B, count] in [0, 1), float32."""
        return (self.words(stream, count) >> 39).to(torch.float32) / 2**24

    def normal(self, stream: str, count: int) -> Tensor:
        """Standard normal floats [B, count], float32 (Box and Muller 1958)."""
        half = (count + 1) // 2
        radius = torch.sqrt(-2 * torch.log1p(-self.uniform(f"{stream} radius", half)))
        angle = 2 * torch.pi * self.uniform(f"{stream} angle", half)
        return torch.cat((radius * torch.cos(angle), radius * torch.sin(angle)), dim=1)[:, :count]


@dataclass(frozen=True)
class Moment:
    """When in a training a loss is computed: for losses with a warm-up, an initialization phase, noise or a memory.

    `epoch` counts the epochs trained so far, fractions included: 0 at the first step, and below `epochs`, the length of
    the whole training. `draw` belongs to the batch: its `samples` [B] are the training samples in it.
    """

    epoch: float
    epochs: int
    draw: Draw
    known: Tensor | None  # see `labels`; none where the lesson may not see all of them

    @property
    def labels(self) -> Tensor:
        """Those of the whole training split, [N], int64. Raises `NotApplicable` where some are kept from the lesson."""
        if self.known is None:
            raise NotApplicable("it asks for the labels of all training samples, of which its lesson may not see all")
        return self.known


def _mix(words: Tensor) -> Tensor:
    """splitmix64 (Steele, Lea, Flood 2014) on int64 tensors, which wrap around as unsigned words do."""
    words = words + _GAMMA
    words = (words ^ _shift(words, 30)) * _MIX1
    words = (words ^ _shift(words, 27)) * _MIX2
    return words ^ _shift(words, 31)


def _shift(words: Tensor, bits: int) -> Tensor:
    """Logical right shift."""
    return (words >> bits) & ((1 << (64 - bits)) - 1)
