"""What happened: immutable records, the store that keeps them, the facts of the machine, data frames. No torch."""

from kdbench.results.baselines.baseline import Baseline
from kdbench.results.baselines.files import load_baseline
from kdbench.results.baselines.freezing import freeze
from kdbench.results.frames import entry_frame, evaluation_frame, load
from kdbench.results.machine.facts import machine_facts, machine_fingerprint
from kdbench.results.predictions import Predictions, pack_bits, unpack_bits
from kdbench.results.records import (
    ArtifactRecord,
    CurvePoint,
    DriftFacts,
    EvaluationRecord,
    FailureRecord,
    Layout,
    ModelFacts,
    Outcome,
    ParityFacts,
    RunRecord,
    TrainingCost,
    TrialRecord,
)
from kdbench.results.result_set import ArtifactResult, ResultSet, TrialResult, load_run, load_suite_results
from kdbench.results.store import Store
from kdbench.results.timings import LatencyComparison, LatencyRecord, NotMeasured, SlicePair

__all__ = [
    "ArtifactRecord",
    "ArtifactResult",
    "Baseline",
    "CurvePoint",
    "DriftFacts",
    "EvaluationRecord",
    "FailureRecord",
    "LatencyComparison",
    "LatencyRecord",
    "Layout",
    "ModelFacts",
    "NotMeasured",
    "Outcome",
    "ParityFacts",
    "Predictions",
    "ResultSet",
    "RunRecord",
    "SlicePair",
    "Store",
    "TrainingCost",
    "TrialRecord",
    "TrialResult",
    "entry_frame",
    "evaluation_frame",
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
