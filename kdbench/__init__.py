"""kdbench: knowledge distillation, measured.

import kdbench
results = kdbench.run("quickstart")   # a suite's name, its file, or a kdbench.Suite; trains what is missing
kdbench.render(results, "reports")    # index.html and report.md
frame = results.frame()               # a row for each network; also gains(), latencies(), curves(), conditions()
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kdbench.api import (
        Checked,
        Results,
        Suite,
        assert_no_regression,
        check,
        load_results,
        load_suite,
        place,
        plan,
        render,
        run,
    )  # fmt: skip
    from kdbench.results import load
    from kdbench.spec import Choice, DataSpec, Gate, LatencySpec, Pair, TrainSpec, Trial, UserError
    from kdbench.zoo.interface import Dataset, Draw, NotApplicable, Outputs, Split

__version__ = "0.1.0"

# onnxruntime reads it when it is imported, which only modules of this package do: its telemetry would write to the
# user's cache folder, use the network, and run threads beside what is timed. Processes started from here inherit it.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# Names resolve on first use: `kdbench --help` and the processes that time must import neither torch nor pandas.
_HOMES = {
    "kdbench.api": (
        "Checked", "Results", "Suite", "assert_no_regression", "check", "load_results", "load_suite", "place", "plan",
        "render", "run",
    ),
    "kdbench.results": ("load",),
    "kdbench.spec": ("Choice", "DataSpec", "Gate", "LatencySpec", "Pair", "TrainSpec", "Trial", "UserError"),
    "kdbench.zoo.interface": ("Dataset", "Draw", "NotApplicable", "Outputs", "Split"),
}  # fmt: skip
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Checked", "Choice", "DataSpec", "Dataset", "Draw", "Gate", "LatencySpec", "NotApplicable", "Outputs", "Pair",
    "Results", "Split", "Suite", "TrainSpec", "Trial", "UserError", "assert_no_regression", "check", "load",
    "load_results", "load_suite", "place", "plan", "render", "run",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'kdbench' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)
