"""`python -m benchmarks.engine.scaling`: how the cost of a sweep grows with losses, seeds, teacher and data.

Along each axis the others stay at their base. Each point is one run in a fresh store that holds the trained teacher,
once with shared views (the teacher's outputs are cached) and once with fresh ones (it is asked live), in turn: forwards
in one repeat, backwards in the next. Besides: a loss added to a finished sweep. What is in the file is not run again.
"""

import argparse
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path

import torch

from benchmarks.engine.bounds import training_flops
from benchmarks.engine.figures import FOLDER, Figures, Unit, say
from benchmarks.engine.generated import LOSSES, Job, suite_text
from benchmarks.engine.prepare import train_teacher
from benchmarks.engine.timed_run import PLUGINS, in_fresh_process
from kdbench import api
from kdbench.results import machine_facts
from kdbench.zoo.models.cnn import cnn

OUT = FOLDER / "scaling.json"
STUDENT = 32  # its width
VIEWS = ("shared", "fresh")  # cached and live teacher
BEFORE, AFTER = 5, 6  # losses of the finished sweep, and with the one that is added


@dataclass(frozen=True)
class Point:
    """A sweep: its losses and seeds, the teacher's arithmetic (in students) and the data (in bases)."""

    losses: int = 4
    seeds: int = 2
    teacher: int = 1
    data: int = 1

    @property
    def label(self) -> str:
        return f"losses {self.losses}, seeds {self.seeds}, teacher x{self.teacher}, data x{self.data}"


BASE = Point()
AXES: Mapping[str, Sequence[int]] = {
    "losses": (1, 2, 4, 8),
    "seeds": (1, 2, 4, 8),
    "teacher": (1, 4, 16),
    "data": (1, 2, 4),
}
QUICK: Mapping[str, Sequence[int]] = {"losses": (1, 4), "teacher": (1, 4)}


def on_axis(axis: str, value: int) -> Point:
    return replace(BASE, **{axis: value})


def points(axes: Mapping[str, Sequence[int]]) -> list[Point]:
    """Every point of the axes once, the base first."""
    return list(dict.fromkeys([BASE, *(on_axis(axis, value) for axis, values in axes.items() for value in values)]))


@cache
def arithmetic(width: int) -> int:
    """FLOPs of a `cnn` of this width for one image, forward."""
    with torch.device("meta"):
        return training_flops(cnn(10, (1, 28, 28), width=width), torch.zeros(1, 1, 28, 28), backward=False)


def teacher_width(times: float) -> int:
    """The width at which a `cnn` does about so many times the student's arithmetic."""
    wanted = times * arithmetic(STUDENT)
    low, high = 1, STUDENT * max(2, int(times) + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if arithmetic(middle) <= wanted else (low, middle)
    return min((low, high), key=lambda width: abs(arithmetic(width) - wanted))


def job_of(point: Point, views: str, per_class: int, epochs: int) -> Job:
    """The point as a suite: `per_class` is that of the base."""
    return Job(
        name="engine-scaling",
        student={"use": "cnn", "width": STUDENT},
        teacher={"use": "cnn", "width": teacher_width(point.teacher)},
        per_class=per_class * point.data,
        validation=0.01,
        losses=LOSSES[: point.losses],
        seeds=point.seeds,
        epochs=epochs,
        views=views,
    )


class Bench:
    """Runs suites in fresh stores that hold the trained teacher."""

    def __init__(self, data: Path, work: Path, per_class: int, epochs: int) -> None:
        self.data, self.work, self.per_class, self.epochs = data, work, per_class, epochs

    def run_point(self, point: Point, views: str) -> Unit:
        with tempfile.TemporaryDirectory() as scratch:
            return self._run(point, views, Path(scratch))

    def run_added(self, views: str) -> Unit:
        """A sweep; the same with one loss more, in the same store; and again, with nothing left to train."""
        with tempfile.TemporaryDirectory() as scratch:
            steps = {"finished": BEFORE, "added": AFTER, "again": AFTER}
            return {
                name: self._run(replace(BASE, losses=losses), views, Path(scratch)) for name, losses in steps.items()
            }

    def _run(self, point: Point, views: str, folder: Path) -> Unit:
        suite = folder / "suite.toml"
        suite.write_text(suite_text(job_of(point, views, self.per_class, self.epochs)), "utf-8")
        give_teacher(suite, folder / "results", self.work, self.data)
        return in_fresh_process(suite, folder / "results", self.data)


def give_teacher(suite: Path, store: Path, work: Path, data: Path) -> None:
    """Put the suite's teacher into a store: trained once, in the store of `work`."""
    plan = api.plan(api.load_suite(suite, PLUGINS), PLUGINS)
    teacher = next(plan.trials[entry.key] for entry in plan.entries if entry.role == "teacher")
    train_teacher(teacher, work, data)
    target = store / "trials" / teacher.key
    if not target.exists():
        shutil.copytree(work / "trials" / teacher.key, target)


def schedule(
    bench: Bench, axes: Mapping[str, Sequence[int]], views: Sequence[str], repeats: int
) -> list[tuple[str, Callable[[], Unit]]]:
    """All units in their order, by name."""
    found: list[tuple[str, Callable[[], Unit]]] = []
    for repeat in range(repeats):
        units: list[tuple[str, Callable[[], Unit]]] = [
            (f"{point.label}/{view}/{repeat}", partial(bench.run_point, point, view))
            for point in points(axes)
            for view in views
        ]
        units += [(f"added/{view}/{repeat}", partial(bench.run_added, view)) for view in views]
        found += units if repeat % 2 == 0 else units[::-1]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--per-class", type=int, help="training samples of each class at the base, instead of 400")
    parser.add_argument("--epochs", type=int, help="instead of 2")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--data", type=Path, default=api.DEFAULT_DATA)
    parser.add_argument("--quick", action="store_true", help="a trial of two minutes; its figures mean nothing")
    given = parser.parse_args()
    out = given.out.with_stem("scaling-quick") if given.quick and given.out == OUT else given.out
    small, short = (40, 1) if given.quick else (400, 2)
    per_class, epochs = given.per_class or small, given.epochs or short
    axes, views, repeats = (QUICK, VIEWS[:1], 1) if given.quick else (AXES, VIEWS, given.repeats)
    figures = Figures(out, {"per_class": per_class, "epochs": epochs})
    widths = {times: teacher_width(times) for times in AXES["teacher"]}
    figures.content |= {
        "base": asdict(BASE),
        "axes": {axis: list(values) for axis, values in axes.items()},
        "losses": [dict(loss) for loss in LOSSES],
        "teachers": {
            times: {"width": width, "times": arithmetic(width) / arithmetic(STUDENT)} for times, width in widths.items()
        },
    }
    bench = Bench(given.data, out.parent / "scratch" / "store", per_class, epochs)
    units = schedule(bench, axes, views, repeats)
    for number, (unit_id, run) in enumerate(units, start=1):
        if unit_id not in figures:
            before = machine_facts()
            say(f"{number} of {len(units)}: {unit_id}")
            figures.add(unit_id, run(), before)
    print(out)


if __name__ == "__main__":
    main()
