"""`python -m benchmarks.methods`: simulate every method and write the shares to `results/benchmarks/methods.json`."""

import argparse
import time
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.engine.figures import FOLDER, Figures, Unit, say
from benchmarks.methods.figure import Figure
from benchmarks.methods.modules import MODULES, TRIALS
from kdbench.results import machine_facts

OUT = FOLDER / "methods.json"


def simulate(module: str, trials: int, seed: int = 0) -> list[Figure]:
    """All figures of one module by its name."""
    found: list[Figure] = import_module(f"benchmarks.methods.{module}").figures(trials, seed)
    return found


def as_unit(found: list[Figure], seconds: float) -> Unit:
    """Figures as JSON: what was counted, and what follows from it for those who read the file alone."""
    derived = ("observed", "low", "high", "verdict")
    rows = [{**asdict(each), **{name: getattr(each, name) for name in derived}} for each in found]
    return {"figures": rows, "seconds": seconds}


def stored(unit: dict[str, Any]) -> list[Figure]:
    """The figures of a unit of the file."""
    counted = Figure.__dataclass_fields__
    return [Figure(**{name: value for name, value in row.items() if name in counted}) for row in unit["figures"]]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--trials", type=int, default=TRIALS, help="of a cheap simulation; a costly one takes a part")
    parser.add_argument("--only", choices=MODULES, nargs="+", help="these modules; the others' figures stay")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    if not given.only:
        given.out.unlink(missing_ok=True)
    figures = Figures(given.out, {"trials": given.trials})
    for name in given.only or MODULES:
        before, began = machine_facts(), time.perf_counter()
        found = simulate(name, given.trials)
        figures.add(name, as_unit(found, time.perf_counter() - began), before)
        say(f"{name}: {len(found)} shares in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
