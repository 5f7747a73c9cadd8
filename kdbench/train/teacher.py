"""The teacher as a cohort sees it: asked live, batch by batch, or recalled from what it said before."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from kdbench.results.output_cache import OutputCache, Values
from kdbench.spec import TrainSpec
from kdbench.train.bank import BANK, slots_of
from kdbench.train.batches import Batch, View, view_samples
from kdbench.train.clock import Stopwatch
from kdbench.zoo.datasets.splits import Splits
from kdbench.zoo.interface import Draw, Outputs
from kdbench.zoo.layers.taps import Trace, outputs, tapped

LOGITS = "logits"

# From the width of each kind of output to a cache with room for it, or to none where it may not or cannot be had.
OpenCache = Callable[[Mapping[str, int]], OutputCache | None]


class Live:
    """One forward a batch, on the very images that the students get before their own view of them."""

    source: Literal["live"] = "live"

    def __init__(self, model: nn.Module, features: dict[str, Tensor], device: torch.device) -> None:
        self.model = model
        self.features = features
        self.watch = Stopwatch(device)

    def prepare(self, epoch: int) -> None:
        """Nothing to do ahead of an epoch."""

    def __call__(self, batch: Batch) -> Outputs:
        with self.watch(), torch.no_grad():
            return outputs(self.model, batch.images, self.features)

    def alone(self, samples: int) -> float:  # noqa: ARG002 - a batch costs what it costs
        """Seconds that one student would have spent on its teacher, had it been trained alone without a cache."""
        return self.watch.seconds


class Recalled:
    """Outputs by (sample, view), each computed once and kept for every loss, seed, process and suite."""

    source: Literal["cached"] = "cached"

    def __init__(
        self,
        model: nn.Module,
        traced: Trace,
        cache: OutputCache,
        layers: Sequence[str],
        splits: Splits,
        spec: TrainSpec,
        augment: Sequence[View],
        seed: int,
    ) -> None:
        self.model, self.traced, self.layers = model, traced, layers
        self.cache = cache
        self.splits, self.spec, self.augment, self.seed = splits, spec, augment, seed
        self.device = splits.train.labels.device
        self.watch = Stopwatch(self.device)
        self._slots = range(0)  # those at hand
        self._said: dict[str, Tensor] = {}  # by kind of output: [slots at hand, samples, width]

    def prepare(self, epoch: int) -> None:
        """See that what this epoch asks for is in the cache, and at hand."""
        with self.watch():
            one = slots_of(self.spec, self.seed, epoch, torch.arange(1))
            slots = range(one, one + 1) if isinstance(one, int) else range(self.cache.slots)
            self.cache.ensure(slots, self._compute)
            if slots != self._slots:
                self._slots = slots
                self._said = {  # on the CPU the file itself, mapped
                    name: torch.from_numpy(self.cache.values(name)[slots.start : slots.stop]).to(self.device)
                    for name in (LOGITS, *map(_layer, self.layers))
                }

    def __call__(self, batch: Batch) -> Outputs:
        with self.watch():
            assert batch.slots is not None, "fresh views are asked of a live teacher"
            at = (batch.slots - self._slots.start, batch.draw.samples)
            features = {layer: self._said[_layer(layer)][at] for layer in self.layers}
            return Outputs(self._said[LOGITS][at], features)

    def _compute(self, slot: int, which: slice) -> tuple[dict[str, Values], float]:
        samples = torch.arange(which.start, which.stop, device=self.device)
        images, _ = view_samples(self.splits, self.spec, self.augment, Draw(BANK, slot, samples))
        watch = Stopwatch(self.device)  # a live teacher would be given its images, so their making is not its cost
        with tapped(self.model, self.traced, self.layers) as features, torch.no_grad(), watch():
            found = outputs(self.model, images, features)
        said = {LOGITS: found.logits, **{_layer(layer): value for layer, value in found.features.items()}}
        return {name: value.float().cpu().numpy() for name, value in said.items()}, watch.seconds

    def alone(self, samples: int) -> float:
        """Seconds that one student would have spent on its teacher, had it been trained alone without a cache."""
        return samples * self.cache.seconds_per_sample


Teacher = Live | Recalled


def widths(layers: Sequence[str], traced: Trace, classes: int) -> dict[str, int] | None:
    """Values per sample of each kind of output; none where a layer's are spatial, which would not fit a disk."""
    shapes = {layer: traced.shape(layer) for layer in layers}
    if any(len(shape) > 1 for shape in shapes.values()):
        return None
    return {LOGITS: classes, **{_layer(layer): shape[0] for layer, shape in shapes.items()}}


def _layer(name: str) -> str:
    return f"layer.{name}"
