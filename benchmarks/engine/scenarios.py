"""What is compared: the scenarios, their arms, and how one unit of each arm is run."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.engine.kdbench_side import measure
from benchmarks.engine.processes import Finished, run_together
from benchmarks.engine.task import Task
from kdbench.execute.workers.executors import WORKER_ENVIRONMENT

Unit = dict[str, Any]
SUITES = Path(__file__).parent / "suites"
EXAMPLE, TUNED, PLAIN, KDBENCH = "torchdistill example", "torchdistill tuned", "plain loop", "kdbench"
# What tuning is by the environment: one thread a process, and an allocator that keeps its memory.
TUNED_ENVIRONMENT = WORKER_ENVIRONMENT


@dataclass(frozen=True)
class Scenario:
    """A suite with the arms that run it. `timed` ones measure speed, the other accuracy alone."""

    name: str
    arms: tuple[str, ...]  # the compared sides; kdbench's arms are added, one for each way of making views
    timed: bool = True

    @property
    def suite(self) -> Path:
        return SUITES / f"{self.name}.toml"


SLOW = (EXAMPLE, TUNED, PLAIN)
SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("sweep", SLOW),
        Scenario("spatial", SLOW),
        Scenario("dominated", SLOW),
        Scenario("accuracy", (TUNED,), timed=False),
        Scenario("quick", SLOW),
    )
}


@dataclass(frozen=True)
class Place:
    """Where a scenario runs: its task, its data, and the options that all sides are given."""

    scenario: Scenario
    folder: Path
    data: Path
    epochs: int | None = None
    seeds: int | None = None

    @property
    def task(self) -> Task:
        return Task.read(self.folder)

    @property
    def all_seeds(self) -> list[int]:
        return self.task.seeds[: self.seeds]

    def side(self, module: str, losses: Sequence[str], seed: int, *options: str) -> list[str]:
        """The command of a compared side for some losses and a seed."""
        epochs = [f"--epochs={self.epochs}"] if self.epochs else []
        return [
            f"benchmarks.engine.{module}",
            str(self.folder),
            "--loss",
            *losses,
            "--seed",
            str(seed),
            *epochs,
            *options,
        ]


def run_kdbench(place: Place, views: str) -> Unit:
    """One whole sweep of kdbench."""
    found = measure(place.scenario.suite, place.folder, place.data, views, place.epochs, place.seeds)
    return {"seconds": found["command_seconds"], **found}


def run_example(place: Place, seeds: Sequence[int], _: Mapping[str, Any]) -> Unit:
    """Every loss in a process of its own, one after the other, with the threads that torch takes by itself."""
    return _one_by_one(place, "torchdistill_side", seeds)


def run_plain(place: Place, seeds: Sequence[int], _: Mapping[str, Any]) -> Unit:
    """As the example."""
    return _one_by_one(place, "plain_loop", seeds)


def run_tuned(place: Place, seeds: Sequence[int], probed: Mapping[str, Any]) -> Unit:
    """Two single-thread processes at once. Charged are half the seconds of all runs, without start-up and imports.

    That is what it would cost without a second of idling at the end and with one import for the whole sweep.
    """
    options = ["--setting=tuned", f"--workers={probed['workers']}", f"--layout={probed['layout']}"]
    finished = _two_at_once(place, "torchdistill_side", seeds, options, TUNED_ENVIRONMENT)
    runs = [line for one in finished for line in one.lines]
    return {
        "seconds": sum(line["seconds"]["run"] for line in runs) / 2,
        "makespan_seconds": max(one.seconds for one in finished),
        "peak_bytes": sum(one.peak_bytes for one in finished),
        "runs": runs,
    }


def run_plain_accuracy(place: Place, seeds: Sequence[int], _: Mapping[str, Any]) -> Unit:
    """The plain loop where time is not measured: two at once."""
    finished = _two_at_once(place, "plain_loop", seeds, ["--workers=0"], TUNED_ENVIRONMENT)
    return {"runs": [line for one in finished for line in one.lines]}


def probe(place: Place, steps: int) -> Unit:
    """The fastest loader and layout for the tuned setting: every combination for a few steps, two processes at once."""
    loss = next(loss.use for loss in place.task.losses if loss.taught)
    tried = []
    for workers, layout in product((0, 1, 2), ("contiguous", "channels_last")):
        options = ["--setting=tuned", f"--workers={workers}", f"--layout={layout}", f"--steps={steps}", "--epochs=2"]
        command = place.side("torchdistill_side", [loss], 0, *options)
        finished = run_together([command, command], os.environ | TUNED_ENVIRONMENT)
        milliseconds = sum(line["ms_per_step"] for one in finished for line in one.lines) / len(finished)
        tried.append({"workers": workers, "layout": layout, "ms_per_step": round(milliseconds, 3)})
    best = min(tried, key=lambda one: one["ms_per_step"])
    return {"workers": best["workers"], "layout": best["layout"], "loss": loss, "tried": tried}


RUNNERS: dict[str, Callable[[Place, Sequence[int], Mapping[str, Any]], Unit]] = {
    EXAMPLE: run_example,
    TUNED: run_tuned,
    PLAIN: run_plain,
}


def _one_by_one(place: Place, module: str, seeds: Sequence[int]) -> Unit:
    finished = [
        run_together([place.side(module, [loss.use], seed)], os.environ)[0]
        for seed in seeds
        for loss in place.task.losses
    ]
    return {
        "seconds": sum(one.seconds for one in finished),
        "peak_bytes": max(one.peak_bytes for one in finished),
        "runs": [line for one in finished for line in one.lines],
    }


def _two_at_once(
    place: Place, module: str, seeds: Sequence[int], options: Sequence[str], environment: Mapping[str, str]
) -> list[Finished]:
    """Two processes: with one seed they share the losses, with two each has a seed."""
    uses = [loss.use for loss in place.task.losses]
    if len(seeds) == 1:
        commands = [place.side(module, part, seeds[0], *options) for part in (uses[::2], uses[1::2]) if part]
    else:
        commands = [place.side(module, uses, seed, *options) for seed in seeds]
    return run_together(commands, os.environ | environment)
