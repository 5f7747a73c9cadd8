"""`python -m benchmarks.fidelity`: time two networks by kdbench, by bare loops and by MLPerf LoadGen.

Each unit is one repeat of one measure on one network, in fresh processes; measures and networks take turns.
"""

import random
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from benchmarks.fidelity.networks import HOW, NETWORKS
from benchmarks.harness import Measurement, Unit, arguments, ask, open_figures
from kdbench.execute.jobs.records import TimePair
from kdbench.execute.workers.executors import Inline
from kdbench.results.timings import Round

# Repeats of each measure, and how much is done in each.
FULL = {"inside": 10, "apart": 20, "loadgen": 10, "slices": 100, "sessions": 5, "pairs": 16, "rounds": 20}
QUICK = {"inside": 2, "apart": 2, "loadgen": 2, "slices": 10, "sessions": 2, "pairs": 4, "rounds": 3}
LOADGEN_SECONDS = 0.1  # of a side in a round
SLICE_SECONDS = 0.01
Sizes = Mapping[str, int]
_ask = partial(ask, variables={"OMP_NUM_THREADS": "1"})  # as the latency worker runs


def inside(onnx: Path, images: Path, sizes: Sizes) -> Unit:
    found: Unit = _ask("benchmarks.fidelity.inside", onnx, images, sizes["slices"])
    return found


def loadgen(onnx: Path, images: Path, sizes: Sizes) -> Unit:
    found: Unit = _ask("benchmarks.fidelity.loadgen", onnx, images, sizes["rounds"], LOADGEN_SECONDS)
    return found


def apart(onnx: Path, images: Path, sizes: Sizes) -> Unit:
    """kdbench's worker, the network against itself, and a bare loop in as many sessions for as long; random order."""
    sessions, pairs = sizes["sessions"], sizes["pairs"]

    def worker() -> Unit:
        both, samples = str(onnx), str(images)
        job = TimePair(candidate=both, reference=both, samples=samples, how=HOW, sessions=sessions, pairs=pairs)
        *_, (_, timed) = Inline().map([job])
        if not isinstance(timed, Round):
            raise RuntimeError(timed)
        slices = [[pair.candidate_p50 for pair in session] for session in timed.sessions]
        return {"p50": statistics.median(timed.call_microseconds), "slice_p50": slices}

    def bare() -> Unit:
        found: Unit = _ask("benchmarks.fidelity.bare", onnx, images, sessions, 2 * pairs * SLICE_SECONDS)
        return found

    sides: dict[str, Callable[[], Unit]] = {"worker": worker, "bare": bare}
    order = random.sample(list(sides), 2)
    return {"order": order, **{name: sides[name]() for name in order}}


MEASURES = {"inside": inside, "apart": apart, "loadgen": loadgen}


def measurements(folder: Path, sizes: Sizes, only: Sequence[str]) -> Iterator[Measurement]:
    """Every repeat of every measure on every network, in turns."""
    for repeat in range(max(sizes[measure] for measure in only)):
        for measure in only:
            for network in NETWORKS if repeat < sizes[measure] else ():
                files = folder / f"{network}.onnx", folder / f"{network}.npy"
                yield Measurement(f"{measure}/{network}/{repeat}", partial(MEASURES[measure], *files, sizes))


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--only", choices=MEASURES, nargs="+", default=list(MEASURES))
    given = parser.parse_args()
    sizes = QUICK if given.quick else FULL
    if "loadgen" in given.only and find_spec("mlperf_loadgen") is None:
        raise SystemExit("MLPerf LoadGen is not installed: pip install -e '.[bench]', or leave it out with --only")
    figures = open_figures("fidelity", given, sizes)
    figures.content["networks"] = {name: choice.label for name, (choice, _) in NETWORKS.items()}
    figures.content["versions"] = {name: _version(name) for name in ("onnxruntime", "mlcommons-loadgen", "numpy")}
    with tempfile.TemporaryDirectory(prefix="kdbench-fidelity-") as folder:
        _ask("benchmarks.fidelity.networks", folder)
        figures.measure(measurements(Path(folder), sizes, given.only))


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    main()
