"""Times, ratios and differences with intervals, from the raw figures."""

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from benchmarks.engine.scenarios import EXAMPLE, KDBENCH, TUNED
from benchmarks.harness import Content, Unit
from kdbench.statistics.intervals import Estimate, estimate
from kdbench.statistics.paired import PairedDifference, paired_difference

MARGIN = 0.002  # accuracies within .2 points count as equivalent
# Goals: how many times as fast as another side kdbench should be.
GOALS = {("sweep", EXAMPLE): 8, ("sweep", TUNED): 5, ("spatial", EXAMPLE): 3, ("dominated", EXAMPLE): 6}


@dataclass(frozen=True)
class Speed:
    """The cost of a scenario's whole sweep on one arm; one value for each measured unit."""

    arm: str
    seconds: Estimate
    wall_ms: float  # of the machine for a student's step, everything included
    loop_ms: float  # of one process for a student's step, training alone
    peak_bytes: int
    extrapolated: bool  # whether a unit was a part of the sweep


@dataclass(frozen=True)
class Ratio:
    """The time of an arm divided by kdbench's: the geometric mean over the repeats, with its interval."""

    arm: str
    against: str
    times: float
    low: float | None
    high: float | None
    repeats: int
    goal: float | None


def units_by_arm(content: Content, scenario: str) -> dict[str, list[Unit]]:
    found: defaultdict[str, list[Unit]] = defaultdict(list)
    for unit_id, unit in content["units"].items():
        if unit_id.split("/")[0] == scenario:
            found[unit["arm"]].append(unit)
    return dict(found)


def sweep_seconds(unit: Unit, runs: int) -> float:
    """The seconds of a sweep of `runs` runs, from those of a unit: the cost is linear in the runs."""
    seconds: float = unit["seconds"]
    return seconds / len(unit["runs"]) * runs


def speeds(content: Content, scenario: str) -> list[Speed]:
    """Every arm of a timed scenario."""
    asked = content["scenarios"][scenario]
    runs = len(asked["losses"]) * asked["seeds"]
    found = []
    for arm, units in units_by_arm(content, scenario).items():
        seconds = estimate([sweep_seconds(unit, runs) for unit in units])
        every = [run for unit in units for run in unit["runs"]]
        steps = sum(run["steps"] for run in every)
        wall = seconds.mean / (steps / len(every) * runs)
        loop = sum(_loop_seconds(run) for run in every) / steps
        peak = max(unit["peak_bytes"] for unit in units)
        found.append(Speed(arm, seconds, 1000 * wall, 1000 * loop, peak, len(units[0]["runs"]) < runs))
    return found


def _loop_seconds(run: dict[str, Any]) -> float:
    """The seconds of a process for one run; for a run in a cohort, its share."""
    return float(run["wall_seconds"] / run["cohort"] if "cohort" in run else run["seconds"]["train"])


def ratios(content: Content, scenario: str) -> list[Ratio]:
    """Every other arm divided by every arm of kdbench, paired by repeat."""
    asked = content["scenarios"][scenario]
    runs = len(asked["losses"]) * asked["seeds"]
    by_arm = units_by_arm(content, scenario)
    seconds = {arm: {u["repeat"]: sweep_seconds(u, runs) for u in units} for arm, units in by_arm.items()}
    found = []
    for arm in seconds:
        for against in seconds:
            both = sorted(seconds[arm].keys() & seconds[against].keys())
            if arm.startswith(KDBENCH) or not against.startswith(KDBENCH) or not both:
                continue
            logs = estimate([math.log(seconds[arm][repeat] / seconds[against][repeat]) for repeat in both])
            ends = logs.interval
            low, high = (math.exp(ends.low), math.exp(ends.high)) if ends else (None, None)
            goal = GOALS.get((scenario, arm))
            found.append(Ratio(arm, against, math.exp(logs.mean), low, high, len(both), goal))
    return found


def accuracies(content: Content, scenario: str) -> dict[str, dict[str, dict[int, float]]]:
    """Test accuracy, 0 to 1, by loss, arm and seed. A seed run again gives the same value and counts once."""
    found: dict[str, dict[str, dict[int, float]]] = {}
    for arm, units in units_by_arm(content, scenario).items():
        for run in (run for unit in units for run in unit["runs"]):
            found.setdefault(run["loss"], {}).setdefault(arm, {})[run["seed"]] = run["test_top1"]
    return found


def differences(by_arm: dict[str, dict[int, float]]) -> dict[tuple[str, str], PairedDifference]:
    """kdbench's arms minus the others, and minus kdbench's first: the same seed starts from the same weights."""
    ours = [arm for arm in by_arm if arm.startswith(KDBENCH)]
    found = {}
    for arm in ours:
        for other in by_arm:
            if other in ours and ours.index(other) >= ours.index(arm):
                continue
            if difference := paired_difference(by_arm[arm], by_arm[other]):
                found[arm, other] = difference
    return found
