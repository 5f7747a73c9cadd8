"""From records to figures: rows, comparisons, Pareto fronts, recommendations and the gate's verdicts. No torch."""

from kdbench.analyze.decisions.accuracy_gate import GateEntry
from kdbench.analyze.decisions.candidates import Budgets, Candidate, candidates, choose
from kdbench.analyze.decisions.gate import Verdict, judge
from kdbench.analyze.decisions.gate_power import undetectable_gates, what_the_gate_sees
from kdbench.analyze.decisions.recommend import Recommendation, recommend
from kdbench.analyze.deployment.architectures import Deployed, Timing
from kdbench.analyze.models.pairs import PairSummary
from kdbench.analyze.models.rows import ModelRow, StudentRow
from kdbench.analyze.provenance import Elsewhere
from kdbench.analyze.summary import Summary, Trouble, summarize

__all__ = [
    "Budgets", "Candidate", "Deployed", "Elsewhere", "GateEntry", "ModelRow", "PairSummary", "Recommendation",
    "StudentRow", "Summary", "Timing", "Trouble", "Verdict", "candidates", "choose", "judge", "recommend", "summarize",
    "undetectable_gates", "what_the_gate_sees",
]  # fmt: skip
