"""From records to figures: rows, comparisons, Pareto fronts, recommendations and the gate's verdicts. No torch."""

from kdbench.analyze.decisions.candidates import Budgets, Candidate, candidates, choose
from kdbench.analyze.decisions.recommend import Recommendation, recommend
from kdbench.analyze.deployment.architectures import Deployed, Timing
from kdbench.analyze.gate.judge import judge
from kdbench.analyze.gate.power import undetectable_gates, undetectable_slowdowns, unread_gates, what_the_gate_sees
from kdbench.analyze.gate.verdict import GateEntry, Status, Verdict
from kdbench.analyze.models.pairs import PairSummary
from kdbench.analyze.models.rows import ModelRow, StudentRow
from kdbench.analyze.provenance import Elsewhere
from kdbench.analyze.summary import Summary, Trouble, summarize

__all__ = [
    "Budgets", "Candidate", "Deployed", "Elsewhere", "GateEntry", "ModelRow", "PairSummary", "Recommendation",
    "Status", "StudentRow", "Summary", "Timing", "Trouble", "Verdict", "candidates", "choose", "judge", "recommend",
    "summarize", "undetectable_gates", "undetectable_slowdowns", "unread_gates", "what_the_gate_sees",
]  # fmt: skip
