"""The teachers of a cohort: which of them read their outputs from the cache, and which run on every batch."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from torch import nn

from kdbench.results.output_cache import OutputCache
from kdbench.spec import TrainSpec, Trial
from kdbench.train.build import Weights, build_view
from kdbench.train.instruction import Instruction
from kdbench.train.teacher import Cached, Live, Teacher, widths
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.datasets.splits import Splits
from kdbench.zoo.layers.anchor import Anchor
from kdbench.zoo.layers.taps import tapped, trace

# From a teacher's key, and the width of each kind of its outputs, to a cache with room for them; none where it may not
# or cannot be had.
OpenTeacherCache = Callable[[str, Mapping[str, int]], OutputCache | None]


def no_cache(_: str, __: Mapping[str, int]) -> None:
    """Opens none: every teacher runs on every batch."""


@dataclass(frozen=True)
class Parents:
    """What the trials of a cohort need of those before them, by key.

    These are networks that teach, weights to start from, and networks that stand in an ensemble. Of teachers with heads
    it has the trials, too, of starts how many samples each saw in an epoch, and anchors: weights to stay near to.
    """

    teachers: Mapping[str, nn.Module] = field(default_factory=dict)
    starts: Mapping[str, Weights] = field(default_factory=dict)
    members: Mapping[str, nn.Module] = field(default_factory=dict)
    trials: Mapping[str, Trial] = field(default_factory=dict)
    samples: Mapping[str, float] = field(default_factory=dict)
    anchors: Mapping[str, Anchor] = field(default_factory=dict)


NO_PARENTS = Parents()


class Faculty:
    """The teachers of one cohort. Which way a lesson gets their outputs depends on its own loss, not on the others'."""

    def __init__(
        self,
        teachers: Mapping[str, nn.Module],
        splits: Splits,
        spec: TrainSpec,
        seed: int,
        catalog: Catalog,
        open_cache: OpenTeacherCache,
        stack: ExitStack,
    ) -> None:
        self.teachers = {key: teacher.eval().requires_grad_(False) for key, teacher in teachers.items()}
        self.traces = {key: trace(teacher, splits.shape) for key, teacher in self.teachers.items()}
        self.splits, self.spec, self.seed = splits, spec, seed
        self.augment = [build_view(choice, catalog) for choice in spec.augment]
        self.open_cache = open_cache
        self.stack = stack

    def open(self, instructions: Sequence[Instruction]) -> None:
        """Give every lesson its teachers."""
        found = {key: self._open(key, [i for i in instructions if key in i.lesson.teachers]) for key in self.teachers}
        for instruction in instructions:
            instruction.teachers = [found[key][instruction] for key in instruction.lesson.teachers]

    def _open(self, key: str, asking: Sequence[Instruction]) -> dict[Instruction, Teacher]:
        """One teacher for each of the lessons that ask it: from the cache where that can be, else live."""
        model, traced = self.teachers[key], self.traces[key]
        found: dict[Instruction, Teacher] = {}
        flat = [each for each in asking if self._widths(key, each.criterion.teacher_layers)]
        # Where there is no room for all that they read, there may be for what each reads: that must not depend on the
        # others.
        for layers in dict.fromkeys((_layers(flat), *(each.criterion.teacher_layers for each in flat))):
            left = [each for each in flat if each not in found and {*each.criterion.teacher_layers} <= {*layers}]
            cache = self.open_cache(key, self._widths(key, layers) or {}) if left and self.spec.slots else None
            if cache:
                self.stack.callback(cache.close)
                cached = Cached(model, traced, cache, layers, self.splits, self.spec, self.augment, self.seed)
                found |= dict.fromkeys(left, cached)
        if left := [each for each in asking if each not in found]:
            features = self.stack.enter_context(tapped(model, traced, _layers(left)))
            found |= dict.fromkeys(left, Live(model, features, self.splits.train.labels.device))
        return found

    def _widths(self, key: str, layers: Sequence[str]) -> dict[str, int] | None:
        return widths(layers, self.traces[key], self.traces[key].outputs)


def _layers(instructions: Sequence[Instruction]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(layer for each in instructions for layer in each.criterion.teacher_layers))
