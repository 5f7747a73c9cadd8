"""A teacher of a cohort: its forward pass runs on every batch, or its outputs are read from the cache."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from kdbench.results.output_cache import OutputCache, Values
from kdbench.spec import TrainSpec
from kdbench.train.cost.clock import Stopwatch
from kdbench.train.samples.bank import bank_draw, slots_of
from kdbench.train.samples.batches import Batch, View, view_samples
from kdbench.zoo.datasets.splits import Splits
from kdbench.zoo.interface import Outputs
from kdbench.zoo.layers.taps import Trace, outputs, tapped

LOGITS = "logits"

# From the width of each kind of output to a cache with room for it, or to none where it may not or cannot be had.
OpenCache = Callable[[Mapping[str, int]], OutputCache | None]


class Live:
    """One forward pass a batch, on the images that the students get before their own view of them."""

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
        """Seconds of teacher that a student trained alone without a cache would need."""
        return self.watch.seconds


class Cached:
    """Outputs by (sample, view), each computed once and stored for every loss, seed, process and suite."""

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
        self._slots = range(0)  # those that are loaded
        self._values: dict[str, Tensor] = {}  # by kind of output: [loaded slots, samples, width]

    def prepare(self, epoch: int) -> None:
        """Compute what this epoch needs and the cache lacks, and load it."""
        with self.watch():
            one = slots_of(self.spec, self.seed, epoch, torch.arange(1))
            slots = range(one, one + 1) if isinstance(one, int) else range(self.cache.slots)
            self.cache.ensure(slots, self._compute)
            if slots != self._slots:
                self._slots = slots
                self._values = {  # on the CPU the file itself, mapped
                    name: torch.from_numpy(self.cache.values(name)[slots.start : slots.stop]).to(self.device)
                    for name in (LOGITS, *map(_layer, self.layers))
                }

    def __call__(self, batch: Batch) -> Outputs:
        with self.watch():
            assert batch.slots is not None, "under fresh views the teacher is live"
            at = (batch.slots - self._slots.start, batch.draw.samples)
            features = {layer: self._values[_layer(layer)][at] for layer in self.layers}
            return Outputs(self._values[LOGITS][at], features)

    def _compute(self, slot: int, which: slice) -> tuple[dict[str, Values], float]:
        samples = torch.arange(which.start, which.stop, device=self.device)
        images, _ = view_samples(self.splits, self.spec, self.augment, bank_draw(slot, samples))
        watch = Stopwatch(self.device)  # without the images, which a live teacher is given
        with tapped(self.model, self.traced, self.layers) as features, torch.no_grad(), watch():
            found = outputs(self.model, images, features)
        values = {LOGITS: found.logits, **{_layer(layer): value for layer, value in found.features.items()}}
        return {name: value.float().cpu().numpy() for name, value in values.items()}, watch.seconds

    def alone(self, samples: int) -> float:
        """Seconds of teacher that a student trained alone without a cache would need."""
        return samples * self.cache.seconds_per_sample


Teacher = Live | Cached


def widths(layers: Sequence[str], traced: Trace, classes: int) -> dict[str, int] | None:
    """Values per sample of each kind of output; none where a layer's are spatial: they would not fit on a disk."""
    shapes = {layer: traced.shape(layer) for layer in layers}
    if any(len(shape) > 1 for shape in shapes.values()):
        return None
    return {LOGITS: classes, **{_layer(layer): shape[0] for layer, shape in shapes.items()}}


def _layer(name: str) -> str:
    return f"layer.{name}"
