"""`python -m benchmarks.engine.breakdown`: where the time goes, in a step and in a sweep, against what must be.

Steps are measured one network a process, with the environment of kdbench's workers; the sweep is a real run in two
processes, from a store that holds the trained teacher. What is in the file already is not measured again.
"""

import argparse
import os
import tempfile
from pathlib import Path

from benchmarks.engine.figures import FOLDER, Figures, Unit, say
from benchmarks.engine.kdbench_side import vary
from benchmarks.engine.processes import run_together
from benchmarks.engine.scaling import VIEWS, give_teacher
from benchmarks.engine.scenarios import SUITES
from benchmarks.engine.step_phases import NETWORKS
from benchmarks.engine.timed_run import in_fresh_process
from kdbench import api
from kdbench.execute.workers.executors import WORKER_ENVIRONMENT
from kdbench.results import machine_facts

OUT = FOLDER / "breakdown.json"
PROCESSES = 2
# Rounds, steps a round. The teacher of the residual network takes seconds a step.
ROUNDS = {"cnn": (7, 40), "resnet20": (5, 6)}
QUICK = {"cnn": (2, 5), "resnet20": (1, 2)}


def measure_network(network: str, rounds: int, steps: int, data: Path) -> Unit:
    """Phases and bounds of one network's step, in a fresh process."""
    command = ["benchmarks.engine.step_phases", network, f"--rounds={rounds}", f"--steps={steps}", f"--data={data}"]
    (finished,) = run_together([command], os.environ | WORKER_ENVIRONMENT)
    return {"environment_variables": WORKER_ENVIRONMENT, **finished.lines[0]}


def measure_sweep(views: str, quick: bool, work: Path, data: Path) -> Unit:
    """A real run of the prototype's sweep, shortened, in two processes."""
    suite = SUITES / ("quick.toml" if quick else "sweep.toml")
    with tempfile.TemporaryDirectory() as scratch:
        variant = Path(scratch) / suite.name
        variant.write_text(vary(suite.read_text("utf-8"), views, epochs=2), "utf-8")
        give_teacher(variant, Path(scratch) / "results", work, data)
        return in_fresh_process(variant, Path(scratch) / "results", data, seeds=2, workers=PROCESSES)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--data", type=Path, default=api.DEFAULT_DATA)
    parser.add_argument("--quick", action="store_true", help="a trial of two minutes; its figures mean nothing")
    given = parser.parse_args()
    out = given.out.with_stem("breakdown-quick") if given.quick and given.out == OUT else given.out
    figures = Figures(out, {"quick": given.quick})
    for network in NETWORKS:
        if f"step/{network}" not in figures:
            say(f"steps of {network}")
            before = machine_facts()
            rounds, steps = (QUICK if given.quick else ROUNDS)[network]
            figures.add(f"step/{network}", measure_network(network, rounds, steps, given.data), before)
    for views in VIEWS:
        if f"sweep/{views}" not in figures:
            say(f"a sweep with {views} views")
            before = machine_facts()
            found = measure_sweep(views, given.quick, out.parent / "scratch" / "store", given.data)
            figures.add(f"sweep/{views}", found, before)
    print(out)


if __name__ == "__main__":
    main()
