"""`python -m benchmarks.engine.compare`: run the sides in turn and keep the raw figures in one JSON file.

Sides alternate within each repeat (A B C D, then D C B A). A unit of a compared side is every loss for one seed (two
seeds where there is one loss), a unit of kdbench the whole sweep: the others' cost is linear in the seeds, and the
analysis extrapolates it, saying so. What is in the file already is not run again: stop and go on at will.
"""

import argparse
import os
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.engine.figures import FOLDER, Figures, say
from benchmarks.engine.kdbench_side import VARIANTS
from benchmarks.engine.processes import run_together
from benchmarks.engine.scenarios import (
    KDBENCH,
    RUNNERS,
    SCENARIOS,
    TUNED,
    Place,
    Scenario,
    Unit,
    probe,
    run_kdbench,
    run_plain_accuracy,
)
from kdbench import api
from kdbench.results import machine_facts

OUT = FOLDER / "engine.json"
DEFAULT_TUNING = {"workers": 0, "layout": "channels_last"}  # where time is not measured


def prepare(scenario: Scenario, work: Path, data: Path) -> Path:
    """The scenario's folder, with the teacher trained; in a process of its own, as torch is not needed here."""
    folder = work / scenario.name
    say(f"{scenario.name}: samples and teacher")
    command = ["benchmarks.engine.prepare", str(scenario.suite), str(folder), "--data", str(data)]
    run_together([command], os.environ)
    return folder


def arms(scenario: Scenario, sides: list[str], views: list[str], repeat: int) -> Iterator[str]:
    """The arms in the order of a repeat: forwards, then backwards."""
    order = [*(side for side in scenario.arms if side in sides), *(f"{KDBENCH} {view}" for view in views)]
    yield from order if repeat % 2 == 0 else order[::-1]


def seeds_of(place: Place, repeat: int) -> list[int]:
    """The seeds of a compared side's unit."""
    everything = place.all_seeds
    count = 2 if len(place.task.losses) == 1 and len(everything) > 1 else 1
    return [everything[(repeat * count + i) % len(everything)] for i in range(count)]


def run_unit(place: Place, arm: str, repeat: int, probed: dict[str, Any]) -> Unit:
    """One unit of an arm."""
    if arm.startswith(KDBENCH):
        unit = run_kdbench(place, arm.split()[-1])
    elif place.scenario.timed or arm == TUNED:
        unit = RUNNERS[arm](place, seeds_of(place, repeat), probed)
    else:
        unit = run_plain_accuracy(place, seeds_of(place, repeat), probed)
    return {"arm": arm, "repeat": repeat, **unit}


def run_scenario(
    scenario: Scenario,
    place: Place,
    figures: Figures,
    sides: list[str],
    views: list[str],
    repeats: int,
    quick: bool,
) -> None:
    """Every unit that the file lacks."""
    task = place.task
    uses, count = [loss.use for loss in task.losses], len(place.all_seeds)
    figures.content["scenarios"][scenario.name] = {
        "timed": scenario.timed,
        "losses": uses,
        "seeds": count,
        "epochs": place.epochs or task.epochs,
        "suite": scenario.suite.read_text("utf-8"),
    }
    probed: dict[str, Any] = dict(DEFAULT_TUNING)
    if scenario.timed and not quick:
        if scenario.name not in figures.content["probes"]:
            say(f"{scenario.name}: which loaders suit {TUNED}")
            figures.content["probes"][scenario.name] = probe(place, steps=60)
            figures.save()
        probed = figures.content["probes"][scenario.name]
    if not scenario.timed:
        repeats = -(-count // len(seeds_of(place, 0)))
    for repeat in range(repeats):
        for arm in arms(scenario, sides, views, repeat):
            unit_id = f"{scenario.name}/{arm}/{repeat}"
            once = not scenario.timed and arm.startswith(KDBENCH)  # its one unit has every seed
            if unit_id in figures.content["units"] or (once and repeat):
                continue
            say(f"{unit_id} (of {repeats})")
            before = machine_facts()
            unit = run_unit(place, arm, repeat, probed)
            figures.add(unit_id, unit, before)
            say(f"{unit_id}: {unit['seconds']:.1f} s" if "seconds" in unit else f"{unit_id}: done")


def main() -> None:
    parser = argparse.ArgumentParser(description="kdbench beside torchdistill and a plain loop.")
    timed = [name for name in SCENARIOS if name != "quick"]
    parser.add_argument("--scenarios", nargs="+", choices=timed, default=timed)
    parser.add_argument("--sides", nargs="*", choices=RUNNERS, default=list(RUNNERS), help="the compared ones")
    parser.add_argument(
        "--views", nargs="+", choices=VARIANTS, default=["fresh"], help="kdbench's ways of making views"
    )
    parser.add_argument("--repeats", type=int, default=5, help="units of each side, so seeds of the compared ones")
    parser.add_argument("--epochs", type=int, help="on all sides, instead of the suites'")
    parser.add_argument("--seeds", type=int, help="on all sides, at most so many")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--data", type=Path, default=api.DEFAULT_DATA)
    parser.add_argument("--quick", action="store_true", help="a trial of a few minutes; its figures mean nothing")
    arguments = parser.parse_args()
    names = ["quick"] if arguments.quick else arguments.scenarios
    out = arguments.out.with_stem("engine-quick") if arguments.quick and arguments.out == OUT else arguments.out
    figures = Figures(out, {"epochs": arguments.epochs, "seeds": arguments.seeds})
    for part in ("scenarios", "probes"):
        figures.content.setdefault(part, {})
    figures.content["versions"] = {name: version(name) for name in ("torchdistill", "torch", "torchvision")}
    for name in names:
        scenario = SCENARIOS[name]
        folder = prepare(scenario, out.parent / "scratch", arguments.data)
        place = Place(scenario, folder, arguments.data, arguments.epochs, arguments.seeds)
        repeats = 1 if arguments.quick else arguments.repeats
        run_scenario(scenario, place, figures, arguments.sides, arguments.views, repeats, arguments.quick)
    print(out)


if __name__ == "__main__":
    main()
