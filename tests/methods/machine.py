"""Latency on this machine: a network against itself, and against itself made slower by a known share.

Each trial is timed as in a run, in rounds of slice pairs of real ONNX files by the real worker. So this needs minutes,
and a quiet machine. How often the gate is wrong on a machine, `kdbench selftest` measures.
"""

import math
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kdbench.execute.jobs.records import TimePair
from kdbench.execute.timing.rounds import PAIRS
from kdbench.execute.workers.executors import Inline
from kdbench.results.timings import Round, Sessions, slice_p50s
from kdbench.spec import How
from kdbench.statistics.ratios import LOOKS, estimate_ratio
from tests.methods.share import Share, count
from tests.methods.slowed import TimeSlowedPair

HOW = How(provider="cpu", threads=1, batch=1)
NAMES = ("small", "medium")
SLOWER = (0.05, 0.10)  # injected shares
FAR = 0.01  # earlier trials lay within .990 and 1.009


def shares(trials: int, seed: int = 0) -> list[Share]:
    """One trial in 160 of a network against itself, a fifth of those of a slower one.

    `seed` changes nothing: the randomness is the machine's.
    """
    even = max(1, trials // 160)
    found = []
    with _networks() as folder:
        for name in NAMES:
            found += _against_itself(folder / name, even)
            found += [_against_slower(folder / name, share, max(1, even // 5)) for share in SLOWER]
    return sorted(found, key=lambda share: share.what)


@contextmanager
def _networks() -> Iterator[Path]:
    """A folder of `NAME/candidate.onnx` and `NAME/reference.onnx`, the same file, and `NAME/images.npy`."""
    with tempfile.TemporaryDirectory(prefix="kdbench-methods-") as made:
        folder = Path(made)
        subprocess.run([sys.executable, "-m", "benchmarks.fidelity.networks", made], check=True)
        for name in NAMES:
            (folder / name).mkdir()
            for role in ("candidate", "reference"):
                shutil.copy(folder / f"{name}.onnx", folder / name / f"{role}.onnx")
            shutil.copy(folder / f"{name}.npy", folder / name / "images.npy")
        yield folder


def _time(network: Path, rounds: int, share: float | None = None) -> Sessions:
    job = TimePair(
        candidate=str(network / "candidate.onnx"),
        reference=str(network / "reference.onnx"),
        samples=str(network / "images.npy"),
        how=HOW,
        sessions=1,
        pairs=PAIRS,
    )
    if share is not None:
        job = TimeSlowedPair(**job.model_dump(), share=share)
    sessions: Sessions = ()
    for _ in range(rounds):
        *_, (_, said) = Inline().map([job])
        if not isinstance(said, Round):
            raise RuntimeError(said)
        sessions += said.sessions
    return sessions


def _against_itself(network: Path, trials: int) -> list[Share]:
    held, far = [], []
    for _ in range(trials):
        sessions = _time(network, LOOKS[0])
        ratio = estimate_ratio(slice_p50s(sessions), looks=1)
        held.append(ratio is not None and ratio.low <= 1 <= ratio.high)
        far.append(ratio is None or abs(math.log(ratio.estimate)) > FAR)
    setting = f"{network.name} network against itself, {LOOKS[0]} rounds"
    return [
        count("latency A/A: the interval holds 1, 95 %", setting, "coverage", 0.95, held),
        count(f"latency A/A: the ratio is off by over {100 * FAR:g} %", setting, "share", None, far),
    ]


def _against_slower(network: Path, share: float, trials: int) -> Share:
    held = []
    for _ in range(trials):
        ratio = estimate_ratio(slice_p50s(_time(network, LOOKS[0], share)), looks=1)
        held.append(ratio is not None and ratio.low <= 1 + share <= ratio.high)
    setting = f"{network.name} network, {100 * share:g} % slower, {LOOKS[0]} rounds"
    return count("latency, slower: the interval holds the truth, 95 %", setting, "coverage", 0.95, held)
