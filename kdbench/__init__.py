"""kdbench: knowledge distillation, measured.

import kdbench
suite = kdbench.load_suite("quickstart")
results = kdbench.run(suite)          # trains what is missing, exports, times, records
kdbench.render(results, "reports")    # index.html and report.md
frame = kdbench.load("results")       # every record as a pandas data frame
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kdbench.api import load_suite, plan, render, run
    from kdbench.results import ResultSet, load
    from kdbench.spec import Choice, DataSpec, Gate, LatencySpec, Pair, Suite, TrainSpec, Trial, UserError
    from kdbench.zoo.interface import Dataset, Draw, NotApplicable, Outputs, Split

__version__ = "0.1.0"

# onnxruntime reads it when it is imported, which only modules of this package do: its telemetry would write to the
# user's cache folder, use the network, and run threads beside what is timed. Processes started from here inherit it.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# Names resolve on first use: `kdbench --help` and the processes that time must import neither torch nor pandas.
_HOMES = {
    "kdbench.api": ("load_suite", "plan", "render", "run"),
    "kdbench.results": ("ResultSet", "load"),
    "kdbench.spec": ("Choice", "DataSpec", "Gate", "LatencySpec", "Pair", "Suite", "TrainSpec", "Trial", "UserError"),
    "kdbench.zoo.interface": ("Dataset", "Draw", "NotApplicable", "Outputs", "Split"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Choice", "DataSpec", "Dataset", "Draw", "Gate", "LatencySpec", "NotApplicable", "Outputs", "Pair", "ResultSet",
    "Split", "Suite", "TrainSpec", "Trial", "UserError", "load", "load_suite", "plan", "render", "run",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'kdbench' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)
