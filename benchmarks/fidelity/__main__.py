"""`python -m benchmarks.fidelity`: time the networks in all ways, and keep the raw figures in one JSON file.

Each unit is one repeat of one measure on one network, in fresh processes; measures and networks take turns. What is in
the file already is not measured again.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engine.figures import FOLDER, Figures, Unit, say
from benchmarks.fidelity.networks import HOW, NETWORKS
from kdbench.deploy.timing.latency import time_round
from kdbench.results import machine_facts

OUT = FOLDER / "fidelity.json"
QUICK_OUT = FOLDER / "fidelity-quick.json"
ROOT = Path(__file__).parents[2]

# Repeats, and how much is done in each.
FULL = {"inside": 10, "apart": 20, "loadgen": 10, "slices": 100, "sessions": 5, "pairs": 16, "rounds": 20}
QUICK = {"inside": 2, "apart": 2, "loadgen": 2, "slices": 10, "sessions": 2, "pairs": 4, "rounds": 3}
LOADGEN_SECONDS = 0.1  # of a side in a round
SLICE_SECONDS = 0.01


def ask(module: str, *arguments: object) -> Any:
    """The JSON that `python -m module` prints last, in the environment of the latency worker."""
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{module}: exit code {done.returncode}\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().rpartition("\n")[2] or "null")


def inside(onnx: Path, images: Path, sizes: dict[str, int]) -> Unit:
    found: Unit = ask("benchmarks.fidelity.inside", onnx, images, sizes["slices"])
    return found


def loadgen(onnx: Path, images: Path, sizes: dict[str, int]) -> Unit:
    found: Unit = ask("benchmarks.fidelity.loadgen", onnx, images, sizes["rounds"], LOADGEN_SECONDS)
    return found


def apart(onnx: Path, images: Path, sizes: dict[str, int]) -> Unit:
    """kdbench's worker, the network against itself, and a bare loop in as many sessions for as long; random order."""
    sessions, pairs = sizes["sessions"], sizes["pairs"]

    def worker() -> Unit:
        timed = time_round(onnx, onnx, np.load(images), HOW, sessions=sessions, pairs=pairs)
        slices = [[pair.candidate_p50 for pair in session] for session in timed.sessions]
        return {"p50": statistics.median(timed.call_microseconds), "slice_p50": slices}

    def bare() -> Unit:
        found: Unit = ask("benchmarks.fidelity.bare", onnx, images, sessions, 2 * pairs * SLICE_SECONDS)
        return found

    sides: dict[str, Callable[[], Unit]] = {"worker": worker, "bare": bare}
    order = random.sample(list(sides), 2)
    return {"order": order, **{name: sides[name]() for name in order}}


MEASURES = {"inside": inside, "apart": apart, "loadgen": loadgen}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few repeats, to a file of its own: to try it out")
    parser.add_argument("--only", choices=MEASURES, nargs="+", default=list(MEASURES))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    sizes = QUICK if given.quick else FULL
    if "loadgen" in given.only and find_spec("mlperf_loadgen") is None:
        raise SystemExit("MLPerf LoadGen is not installed: pip install -e '.[bench]', or leave it out with --only")
    figures = Figures(given.out or (QUICK_OUT if given.quick else OUT), sizes)
    figures.content["networks"] = {name: choice.label for name, (choice, _) in NETWORKS.items()}
    figures.content["versions"] = {name: _version(name) for name in ("onnxruntime", "mlcommons-loadgen", "numpy")}
    with tempfile.TemporaryDirectory(prefix="kdbench-fidelity-") as folder:
        ask("benchmarks.fidelity.networks", folder)
        for repeat in range(max(sizes[measure] for measure in given.only)):
            for measure in given.only:
                for network in NETWORKS if repeat < sizes[measure] else ():
                    name = f"{measure}/{network}/{repeat}"
                    if name in figures:
                        continue
                    before, began = machine_facts(), time.perf_counter()
                    unit = MEASURES[measure](Path(folder) / f"{network}.onnx", Path(folder) / f"{network}.npy", sizes)
                    figures.add(name, unit, before)
                    say(f"{name}: {time.perf_counter() - began:.0f} s")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    main()
