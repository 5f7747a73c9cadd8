"""From records to figures: rows, comparisons, Pareto fronts, recommendations and the gate's verdicts. No torch."""

from kdbench.analyze.decisions.accuracy_gate import GateEntry, smallest_detectable, undetectable_gates
from kdbench.analyze.decisions.gate import Verdict, judge
from kdbench.analyze.decisions.recommend import Recommendation, recommend
from kdbench.analyze.deployment.architectures import Deployed, Timing
from kdbench.analyze.models.pairs import PairSummary
from kdbench.analyze.models.rows import ModelRow, StudentRow
from kdbench.analyze.provenance import Elsewhere
from kdbench.analyze.summary import Summary, Trouble, summarize

__all__ = [
    "Deployed", "Elsewhere", "GateEntry", "ModelRow", "PairSummary", "Recommendation", "StudentRow", "Summary",
    "Timing", "Trouble", "Verdict", "judge", "recommend", "smallest_detectable", "summarize", "undetectable_gates",
]  # fmt: skip
