"""What the records say: statistics, curves, efficiency, Pareto fronts, the gate's verdicts. No torch."""

from kdbench.analyze.decisions.accuracy_gate import smallest_detectable, undetectable_gates
from kdbench.analyze.decisions.gate import Verdict, judge
from kdbench.analyze.decisions.gate_entries import GateEntry
from kdbench.analyze.decisions.recommend import Recommendation, recommend
from kdbench.analyze.models.rows import Deployed, Elsewhere, ModelRow, PairSummary, StudentRow, Summary, Timing, Trouble
from kdbench.analyze.summary import summarize

__all__ = [
    "Deployed", "Elsewhere", "GateEntry", "ModelRow", "PairSummary", "Recommendation", "StudentRow", "Summary",
    "Timing", "Trouble", "Verdict", "judge", "recommend", "smallest_detectable", "summarize", "undetectable_gates",
]  # fmt: skip
