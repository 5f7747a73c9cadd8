"""What happened: immutable records, the store that keeps them, the facts of the machine, data frames. No torch."""

from kdbench.results.baseline import Baseline, freeze, load_baseline
from kdbench.results.frames import ResultSet, load, load_run, load_suite_results
from kdbench.results.machine.facts import machine_facts, machine_fingerprint
from kdbench.results.records import (
    CurvePoint,
    Evaluation,
    Layout,
    ModelFacts,
    Outcome,
    ParityFacts,
    RunRecord,
    TrainingCost,
    TrialRecord,
    pack_bits,
    unpack_bits,
)
from kdbench.results.store import Store
from kdbench.results.timings import LatencyComparison, LatencyRecord, NotMeasured, SlicePair

__all__ = [
    "Baseline",
    "CurvePoint",
    "Evaluation",
    "LatencyComparison",
    "LatencyRecord",
    "Layout",
    "ModelFacts",
    "NotMeasured",
    "Outcome",
    "ParityFacts",
    "ResultSet",
    "RunRecord",
    "SlicePair",
    "Store",
    "TrainingCost",
    "TrialRecord",
    "freeze",
    "load",
    "load_baseline",
    "load_run",
    "load_suite_results",
    "machine_facts",
    "machine_fingerprint",
    "pack_bits",
    "unpack_bits",
]  # fmt: skip
