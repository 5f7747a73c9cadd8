"""`python -m benchmarks.engine.step_phases NETWORK`: where a step's time goes, and its bounds; one JSON line.

To be run as kdbench's workers are: one thread, their environment. What is timed is kdbench's own training loop on one
model under `kd`: its learner is watched from the outside (when the forward begins and ends, when the loss is called,
when the optimizer steps), nothing of it is written again here. Live teacher, cached teacher and bounds take turns.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from benchmarks.engine.bounds import kernels, layers, matmul_rate, time_kernels, training_flops
from benchmarks.engine.generated import LOSSES, Job, suite_text
from benchmarks.engine.timed_run import PLUGINS
from kdbench import api
from kdbench.results import TrainingCost
from kdbench.results.output_cache import CacheFolder, OutputCache
from kdbench.spec import Trial, plan
from kdbench.spec.suite_file import parse_suite
from kdbench.train import loop
from kdbench.train.batches import normalize
from kdbench.train.build import build_model
from kdbench.train.channels_last import keep_channels_last
from kdbench.train.outcome import Trained
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.datasets.splits import Splits, split

STEPS_PER_EPOCH = 157  # of the prototype: 20,000 samples, over which an evaluation of 2,000 is spread
NETWORKS: Mapping[str, Job] = {
    "cnn": Job("engine-cnn", {"use": "cnn", "width": 32}, {"use": "cnn", "width": 80}, losses=LOSSES[:1]),
    "resnet20": Job(
        "engine-resnet20",
        {"use": "resnet_cifar", "depth": 20},
        {"use": "resnet_cifar", "depth": 110},
        dataset="benchmarks.engine.datasets:fashion32",
        padding=4,
        losses=LOSSES[:1],
    ),
}
# What each mark ends. Marks come in this order; what lies between them is one phase.
MARKS = {"forward begins": "preparing", "forward": "forward", "loss begins": "preparing", "loss": "loss"}
MARKS |= {"backward begins": "preparing", "backward": "backward", "optimizer": "optimizer", "end": "preparing"}


class WatchedLearner(loop.Learner):
    """A learner whose steps note when each part of them ended."""

    steps_seen: list[dict[str, float]]  # set anew for each training

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._marks: list[tuple[str, float]] = []
        self.model.register_forward_pre_hook(lambda *_: self._mark("forward begins"))
        self.model.register_forward_hook(lambda *_: self._mark("forward"))
        self.criterion: Any = self._between(self.criterion, "loss begins", "loss")
        optimizer: Any = self.optimizer
        optimizer.zero_grad = self._between(optimizer.zero_grad, None, "backward begins")
        optimizer.step = self._between(optimizer.step, "backward", "optimizer")
        self.criterion.taught = arguments[2].taught
        self.criterion.teacher_layers = arguments[2].teacher_layers

    def step(self, *arguments: Any, **named: Any) -> None:
        self._marks = [("begin", time.perf_counter())]
        super().step(*arguments, **named)
        self._mark("end")
        self.steps_seen.append(phases_of(self._marks))

    def _mark(self, name: str) -> None:
        self._marks.append((name, time.perf_counter()))

    def _between(self, call: Callable[..., Any], before: str | None, after: str) -> Callable[..., Any]:
        def watched(*arguments: Any, **named: Any) -> Any:
            if before:
                self._mark(before)
            found = call(*arguments, **named)
            self._mark(after)
            return found

        return watched


def phases_of(marks: list[tuple[str, float]]) -> dict[str, float]:
    """Seconds by phase, from the times at which they ended."""
    found = dict.fromkeys(MARKS.values(), 0.0)
    for (_, began), (name, ended) in pairwise(marks):
        found[MARKS[name]] += ended - began
    return found


class Bench:
    """One network, ready to be trained for some steps at a time."""

    def __init__(self, network: str, steps: int, validation: int, data: Path) -> None:
        self.catalog = Catalog(PLUGINS)
        made = plan(parse_suite(suite_text(NETWORKS[network]), network, self.catalog), self.catalog)
        self.trial = next(made.trials[entry.key] for entry in made.entries if entry.role == "student")
        spec = self.trial.data
        whole = split(self.catalog.load("datasets", spec.dataset.use)(data, **spec.dataset.options), spec)
        few = torch.randperm(len(whole.train), generator=torch.Generator().manual_seed(0))
        self.splits: Splits = replace(
            whole,
            train=whole.train.take(few[: steps * self.trial.train.batch_size]),
            validation=whole.validation.take(torch.arange(validation)),
        )
        self.validation = len(self.splits.validation)
        self.teacher = self._build(self.trial.teachers[0])  # untrained: what it says takes as long to say

    def _build(self, trial: Trial) -> torch.nn.Module:
        return build_model(trial.model, self.catalog, self.splits.classes, self.splits.shape, trial.seed)

    def train(self, views: str, folder: Path) -> dict[str, Any]:
        """One epoch by kdbench's loop. `shared` views find the teacher's words in the cache, the first time aside."""
        recipe = self.trial.train.model_copy(update={"views": views})
        trial = self.trial.model_copy(update={"train": recipe})
        WatchedLearner.steps_seen = []
        with mock.patch.object(loop, "Learner", WatchedLearner):
            cost = _finish(loop.train_cohort([trial], self.splits, self.teacher, self.catalog, self._cache(folder)))
        seen = WatchedLearner.steps_seen
        if len(seen) != cost.steps or cost.teacher != {"fresh": "live", "shared": "cached"}[views]:
            raise ValueError(f"not what was to be measured: {len(seen)} steps watched, {cost}")
        return {
            "views": views,
            "phases": {name: [round(s[name], 7) for s in seen] for name in seen[0]},
            **cost.model_dump(),
        }

    def _cache(self, folder: Path) -> Callable[[Mapping[str, int]], OutputCache]:
        """Filled by the first training; as in another process, the next ones check its hashes anew."""
        return lambda widths: CacheFolder(folder, 10**10).open("outputs", {}, len(self.splits.train), widths, 1)

    def batch(self) -> tuple[Tensor, Tensor]:
        few = self.splits.train.take(torch.arange(self.trial.train.batch_size))
        assert isinstance(few.images, Tensor)
        return normalize(few.images, self.splits), few.labels


def _finish(training: Any) -> TrainingCost:
    while True:
        try:
            next(training)
        except StopIteration as end:
            (outcome,) = end.value
            assert isinstance(outcome, Trained), outcome
            return outcome.cost


def measure(bench: Bench, rounds: int) -> dict[str, Any]:
    """Everything in turn, `rounds` times, after one round to warm up; all values, raw."""
    images, labels = bench.batch()
    model = bench._build(bench.trial).train()
    flops = training_flops(model, images)
    with keep_channels_last(model):
        every = kernels(layers(model, images, labels))
    passes = len(bench.splits.train) // bench.trial.train.batch_size
    found: dict[str, Any] = {"flops": flops, "batch": len(labels), "validation": bench.validation, "rounds": []}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds + 1):
            one = {
                "live": bench.train("fresh", Path(folder)),
                "kernels": [time_kernels(every) for _ in range(passes)],
                "cached": bench.train("shared", Path(folder)),
                "matmul_flops_per_second": matmul_rate(),
            }
            if number:
                found["rounds"].append(one)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=40, help="in each round")
    parser.add_argument("--validation", type=int, default=2000, help="samples")
    parser.add_argument("--data", type=Path, default=api.DEFAULT_DATA)
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True, warn_only=True)  # as in kdbench's workers
    bench = Bench(given.network, given.steps, given.validation, given.data)
    print(json.dumps(measure(bench, given.rounds)), flush=True)


if __name__ == "__main__":
    main()
