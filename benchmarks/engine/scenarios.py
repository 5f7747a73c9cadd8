"""What is compared: the scenarios, their arms, and how one unit of each arm is run."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.engine.assignment import Assignment
from benchmarks.engine.kdbench_side import measure
from benchmarks.engine.processes import Finished, run_together
from benchmarks.harness import Unit
from kdbench.execute.workers.process import WORKER_ENVIRONMENT

SUITES = Path(__file__).parent / "suites"
EXAMPLE, TUNED, PLAIN, KDBENCH = "torchdistill example", "torchdistill tuned", "plain loop", "kdbench"
# Environment variables of the tuned side: one thread a process, and an allocator that keeps its memory.
TUNED_VARIABLES = WORKER_ENVIRONMENT


@dataclass(frozen=True)
class Scenario:
    """A suite with the arms that run it. `timed` ones measure speed, the other accuracy alone."""

    name: str
    arms: tuple[str, ...]  # the compared sides; `compare` adds kdbench's, one for each kind of views
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
    """Where a scenario runs: its assignment, its data, and the options that all sides are given."""

    scenario: Scenario
    folder: Path
    data: Path
    epochs: int | None = None
    seeds: int | None = None

    @property
    def assignment(self) -> Assignment:
        return Assignment.read(self.folder)

    @property
    def all_seeds(self) -> tuple[int, ...]:
        return self.assignment.seeds[: self.seeds]

    def side(self, module: str, losses: Sequence[str], seed: int, *options: str) -> list[str]:
        """The command of a compared side for some losses and a seed."""
        epochs = [f"--epochs={self.epochs}"] if self.epochs else []
        return [f"benchmarks.engine.{module}", str(self.folder), "--loss", *losses, f"--seed={seed}", *epochs, *options]


def run_unit(place: Place, arm: str, seeds: Sequence[int], tuned: Mapping[str, Any]) -> Unit:
    """One unit of an arm. Where time is not measured, the plain loop runs two at once as well."""
    if arm.startswith(KDBENCH):
        found = measure(place.scenario.suite, place.folder, place.data, arm.split()[-1], place.epochs, place.seeds)
        return {"seconds": found["command_seconds"], **found}
    if place.scenario.timed or arm == TUNED:
        return RUNNERS[arm](place, seeds, tuned)
    finished = _two_at_once(place, "plain_loop", seeds, ["--workers=0"])
    return {"runs": [line for one in finished for line in one.lines]}


def run_one_by_one(module: str, place: Place, seeds: Sequence[int], _: Mapping[str, Any]) -> Unit:
    """Every loss in a process of its own, one after the other, with as many threads as torch chooses."""
    finished = [
        run_together([place.side(module, [loss.use], seed)], os.environ)[0]
        for seed in seeds
        for loss in place.assignment.losses
    ]
    return {
        "seconds": sum(one.seconds for one in finished),
        "peak_bytes": max(one.peak_bytes for one in finished),
        "runs": [line for one in finished for line in one.lines],
    }


def run_tuned(place: Place, seeds: Sequence[int], tuned: Mapping[str, Any]) -> Unit:
    """Two single-thread processes at once. Its seconds are half of those of all runs, without start-up and imports.

    This is the cost without idle time at the end and with a single import for the whole sweep.
    """
    options = ["--setting=tuned", f"--workers={tuned['workers']}", f"--layout={tuned['layout']}"]
    finished = _two_at_once(place, "torchdistill_side", seeds, options)
    runs = [line for one in finished for line in one.lines]
    return {
        "seconds": sum(line["seconds"]["run"] for line in runs) / 2,
        "makespan_seconds": max(one.seconds for one in finished),
        "peak_bytes": sum(one.peak_bytes for one in finished),
        "runs": runs,
    }


def probe(place: Place, steps: int) -> Unit:
    """The fastest loader and layout for the tuned setting: every combination for a few steps, two processes at once."""
    loss = next(loss.use for loss in place.assignment.losses if loss.taught)
    tried = []
    for workers, layout in product((0, 1, 2), ("contiguous", "channels_last")):
        options = ["--setting=tuned", f"--workers={workers}", f"--layout={layout}", f"--steps={steps}", "--epochs=2"]
        command = place.side("torchdistill_side", [loss], 0, *options)
        finished = run_together([command, command], os.environ | TUNED_VARIABLES)
        milliseconds = sum(line["ms_per_step"] for one in finished for line in one.lines) / len(finished)
        tried.append({"workers": workers, "layout": layout, "ms_per_step": round(milliseconds, 3)})
    best = min(tried, key=lambda one: one["ms_per_step"])
    return {"workers": best["workers"], "layout": best["layout"], "loss": loss, "tried": tried}


RUNNERS: dict[str, Callable[[Place, Sequence[int], Mapping[str, Any]], Unit]] = {
    EXAMPLE: partial(run_one_by_one, "torchdistill_side"),
    TUNED: run_tuned,
    PLAIN: partial(run_one_by_one, "plain_loop"),
}


def _two_at_once(place: Place, module: str, seeds: Sequence[int], options: Sequence[str]) -> list[Finished]:
    """Two processes: with one seed they share the losses, with two each has a seed."""
    uses = [loss.use for loss in place.assignment.losses]
    if len(seeds) == 1:
        commands = [place.side(module, part, seeds[0], *options) for part in (uses[::2], uses[1::2]) if part]
    else:
        commands = [place.side(module, uses, seed, *options) for seed in seeds]
    return run_together(commands, os.environ | TUNED_VARIABLES)
