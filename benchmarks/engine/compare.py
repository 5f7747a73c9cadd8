"""`python -m benchmarks.engine.compare`: compare kdbench with torchdistill and a plain loop.

Sides alternate within each repeat (A B C D, then D C B A). A unit of a compared side is every loss for one seed (two
seeds where there is one loss), a unit of kdbench the whole sweep: the others' cost is linear in the seeds, so the
analysis extrapolates it and marks it.
"""

import argparse
import os
from collections.abc import Iterator, Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.engine.kdbench_side import VARIANTS
from benchmarks.engine.processes import run_together
from benchmarks.engine.scenarios import KDBENCH, RUNNERS, SCENARIOS, TUNED, Place, Scenario, probe, run_unit
from benchmarks.harness import QUICK_FOLDER, Figures, Measurement, arguments, in_turns, open_figures, say
from kdbench import api

DEFAULT_TUNING = {"workers": 0, "layout": "channels_last"}  # where time is not measured


def prepare(scenario: Scenario, work: Path, data: Path) -> Path:
    """The scenario's folder, with the teacher trained; in a process of its own, whose memory is free afterwards."""
    folder = work / scenario.name
    say(f"{scenario.name}: samples and teacher")
    command = ["benchmarks.engine.prepare", str(scenario.suite), str(folder), "--data", str(data)]
    run_together([command], os.environ)
    return folder


def seeds_of(place: Place, repeat: int) -> list[int]:
    """The seeds of a compared side's unit."""
    seeds = place.all_seeds
    count = 2 if len(place.assignment.losses) == 1 and len(seeds) > 1 else 1
    return [seeds[(repeat * count + i) % len(seeds)] for i in range(count)]


def tuning(place: Place, figures: Figures) -> Mapping[str, Any]:
    """Loaders and layout of the tuned side: the result of a probe, stored with the figures."""
    name, probes = place.scenario.name, figures.content["probes"]
    if name not in probes:
        say(f"{name}: which loaders suit {TUNED}")
        probes[name] = probe(place, steps=60)
        figures.save()
    found: Mapping[str, Any] = probes[name]
    return found


def measurements(
    place: Place, sides: list[str], views: list[str], repeats: int, tuned: Mapping[str, Any]
) -> Iterator[Measurement]:
    """Every unit of a scenario in its order. Without timing, kdbench has one unit, which holds every seed."""
    timed, name = place.scenario.timed, place.scenario.name
    if not timed:
        repeats = -(-len(place.all_seeds) // len(seeds_of(place, 0)))
    arms = [*(side for side in place.scenario.arms if side in sides), *(f"{KDBENCH} {view}" for view in views)]
    for repeat in range(repeats):
        for arm in in_turns(arms, repeat):
            if timed or repeat == 0 or not arm.startswith(KDBENCH):
                run = partial(run_unit, place, arm, seeds_of(place, repeat), tuned)
                yield Measurement(f"{name}/{arm}/{repeat}", run, {"arm": arm, "repeat": repeat})


def describe(place: Place) -> dict[str, Any]:
    """What a scenario runs, for readers of the figures."""
    return {
        "timed": place.scenario.timed,
        "losses": [loss.use for loss in place.assignment.losses],
        "seeds": len(place.all_seeds),
        "epochs": place.epochs or place.assignment.epochs,
        "suite": place.scenario.suite.read_text("utf-8"),
    }


def options() -> argparse.ArgumentParser:
    parser = arguments(__doc__)
    full = [name for name in SCENARIOS if name != "quick"]
    parser.add_argument("--scenarios", nargs="+", choices=full, default=full)
    parser.add_argument("--sides", nargs="*", choices=RUNNERS, default=list(RUNNERS), help="the compared ones")
    parser.add_argument("--views", nargs="+", choices=VARIANTS, default=["fresh"], help="of kdbench's students")
    parser.add_argument("--repeats", type=int, default=5, help="units of each side, so seeds of the compared ones")
    parser.add_argument("--epochs", type=int, help="on all sides, instead of the suites'")
    parser.add_argument("--seeds", type=int, help="on all sides, at most so many")
    parser.add_argument("--data", type=Path, default=api.DEFAULT_DATA)
    return parser


def main() -> None:
    given = options().parse_args()
    figures = open_figures("engine", given, {"epochs": given.epochs, "seeds": given.seeds})
    for part in ("scenarios", "probes"):
        figures.content.setdefault(part, {})
    figures.content["versions"] = {name: version(name) for name in ("torchdistill", "torch", "torchvision")}
    for name in ["quick"] if given.quick else given.scenarios:
        scenario = SCENARIOS[name]
        folder = prepare(scenario, QUICK_FOLDER, given.data)
        place = Place(scenario, folder, given.data, given.epochs, given.seeds)
        figures.content["scenarios"][name] = describe(place)
        tuned = tuning(place, figures) if scenario.timed and not given.quick else DEFAULT_TUNING
        repeats = 1 if given.quick else given.repeats
        figures.measure(measurements(place, given.sides, given.views, repeats, tuned))
    say(f"figures: {figures.path}")


if __name__ == "__main__":
    main()
