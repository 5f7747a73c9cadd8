"""From the raw figures of `scaling.json` and `breakdown.json` to what the tables and plots show. Times in seconds."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median
from typing import Any

from benchmarks.engine.scaling import on_axis
from benchmarks.engine.step_phases import STEPS_PER_EPOCH

Content = dict[str, Any]
PHASES = ("data", "teacher", "forward", "loss", "backward", "optimizer", "preparing", "evaluation")
STEP = ("forward", "loss", "backward", "optimizer", "preparing")  # the student's own
# The prototype's sweep: losses that take the teacher, trained as one cohort for each seed.
TAUGHT, SEEDS = 5, 5
GOAL = 0.8  # of the arithmetic bound


@dataclass(frozen=True)
class Cost:
    """What one run took; `seconds` is the whole command. The others are of the waves of training."""

    seconds: float
    cpu: float  # of the whole command
    waves: float
    waves_cpu: float
    own: float  # steps and evaluation of the students, in processor seconds
    training: float  # the same with data and teacher, as they were shared
    alone: float  # what they would cost trained one by one with a live teacher, in processor seconds
    processes: int


def cost(unit: Mapping[str, Any]) -> Cost:
    """Raw figures of one run, added up."""
    trials, waves = unit["trials"], unit["waves"]
    own = sum(t["step_seconds"] + t["evaluation_seconds"] for t in trials)
    return Cost(
        seconds=unit["seconds"],
        cpu=unit["cpu_seconds"],
        waves=sum(wave["seconds"] for wave in waves),
        waves_cpu=sum(wave["cpu_seconds"] for wave in waves),
        own=own,
        training=own + shared_seconds(trials),
        alone=own + sum(t["data_seconds"] + t["teacher_seconds_alone"] for t in trials),
        processes=max((wave["processes"] for wave in waves), default=1),
    )


def mean_cost(units: Sequence[Mapping[str, Any]]) -> Cost:
    """The mean over repeats."""
    found = [vars(cost(unit)) for unit in units]
    return Cost(**{name: mean(one[name] for one in found) for name in found[0]})


def growth(content: Content, axis: str, views: str) -> dict[int, Cost]:
    """Cost by the values of an axis, where they were measured."""
    found = {}
    for value in content["axes"].get(axis, ()):
        start = f"{on_axis(axis, value).label}/{views}/"
        if units := [unit for unit_id, unit in content["units"].items() if unit_id.startswith(start)]:
            found[value] = mean_cost(units)
    return found


def views_measured(content: Content) -> list[str]:
    return list(dict.fromkeys(unit_id.split("/")[1] for unit_id in content["units"]))


@dataclass(frozen=True)
class Added:
    """A loss added to a finished sweep. `command` and `nothing`: the whole command, with it and with nothing to do."""

    command: float
    nothing: float
    waves: float
    waves_cpu: float
    own: float  # its own steps and evaluation, in processor seconds
    shared: float  # the part of data and teacher that its training paid, in processor seconds

    @property
    def rest(self) -> float:
        """Processor seconds of the wave besides: export, parity, test, records."""
        return self.waves_cpu - self.own - self.shared


def added(content: Content, views: str) -> Added | None:
    """The mean over repeats."""
    units = [unit for unit_id, unit in content["units"].items() if unit_id.startswith(f"added/{views}/")]
    if not units:
        return None
    new = mean_cost([unit["added"] for unit in units])
    shared = mean(shared_seconds(unit["added"]["trials"]) for unit in units)
    nothing = mean(unit["again"]["seconds"] for unit in units)
    return Added(new.seconds, nothing, new.waves, new.waves_cpu, new.own, shared)


def shared_seconds(trials: Iterable[Mapping[str, Any]]) -> float:
    """Seconds that trials spent on data and teacher, each with its share of its cohort's."""
    return sum(data_seconds(t) + teacher_seconds(t) for t in trials)


def data_seconds(trial: Mapping[str, Any]) -> float:
    return float(trial["data_seconds"] / trial["cohort"])


def teacher_seconds(trial: Mapping[str, Any]) -> float:
    return float(trial["teacher_seconds"] / trial["teacher_shared_by"])


@dataclass(frozen=True)
class Step:
    """One student's step, in seconds, by phase; `bounds` are what its arithmetic alone needs."""

    flops: int
    batch: int
    matmul_rate: float  # FLOP/s
    live: dict[str, float]  # trained alone, the teacher asked in every step
    cached: dict[str, float]  # trained alone, the teacher recalled
    bounds: dict[str, float]  # "matmul", "kernels"
    kernels: dict[str, float]

    @property
    def own(self) -> float:
        """The student's step alone, without data, teacher and evaluation: the mean of both ways to the teacher."""
        return mean(sum(way[name] for name in STEP) for way in (self.live, self.cached))

    def in_sweep(self, way: str) -> dict[str, float]:
        """A step in the prototype's sweep: the cohort shares data and teacher, its seeds the filling of the cache."""
        found = dict(self.live if way == "live" else self.cached)
        found["data"] /= TAUGHT
        found["teacher"] /= TAUGHT
        if way == "cached":
            found["teacher"] += self.live["teacher"] / (TAUGHT * SEEDS)
        return found


def step(unit: Mapping[str, Any]) -> Step:
    """The medians of a network's step."""
    rounds = unit["rounds"]
    passes = [one for r in rounds for one in r["kernels"]]
    kernels = {name: median(one[name] for one in passes) for name in passes[0]}
    rate = max(r["matmul_flops_per_second"] for r in rounds)
    return Step(
        flops=unit["flops"],
        batch=unit["batch"],
        matmul_rate=rate,
        live=_phases([r["live"] for r in rounds]),
        cached=_phases([r["cached"] for r in rounds]),
        bounds={"matmul": unit["flops"] / rate, "kernels": median(sum(one.values()) for one in passes)},
        kernels=kernels,
    )


def _phases(trainings: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    seen: defaultdict[str, list[float]] = defaultdict(list)
    for training in trainings:
        for name, seconds in training["phases"].items():
            seen[name] += seconds
    found = {name: median(values) for name, values in seen.items()}
    for name in ("data", "teacher"):
        found[name] = median(training[f"{name}_seconds"] / training["steps"] for training in trainings)
    # Validation before the first epoch and after each: here there is one epoch.
    found["evaluation"] = median(training["evaluation_seconds"] / 2 for training in trainings) / STEPS_PER_EPOCH
    return {name: found[name] for name in PHASES}


def sweep_shares(unit: Mapping[str, Any]) -> dict[str, float]:
    """Where the processors' time went in the waves of a real run: shares of processes x seconds, which add up to 1."""
    trials, waves = unit["trials"], unit["waves"]
    whole = sum(wave["processes"] * wave["threads"] * wave["seconds"] for wave in waves)
    found = {
        "data": sum(map(data_seconds, trials)),
        "teacher": sum(map(teacher_seconds, trials)),
        "student's steps": sum(t["step_seconds"] for t in trials),
        "evaluation": sum(t["evaluation_seconds"] for t in trials),
    }
    busy = sum(wave["cpu_seconds"] for wave in waves)
    found["export, parity, test, start"] = busy - sum(found.values())
    found["idle"] = whole - busy
    return {name: seconds / whole for name, seconds in found.items()}
