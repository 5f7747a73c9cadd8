"""New against baseline ONNX files, timed in turns: whether the ratio exceeds what the gate allows."""

import math
from collections.abc import Sequence
from statistics import median

from kdbench.analyze.gate.evidence import ratio_told
from kdbench.analyze.gate.verdict import STATUSES, GateEntry
from kdbench.results import Baseline, LatencyComparison, ResultSet
from kdbench.results.baselines.matching import counterparts
from kdbench.results.timings import slice_minima, slice_p50s
from kdbench.statistics.ratios import RatioBounds, judge_ratio


def judge_latencies(comparisons: Sequence[LatencyComparison], margin: float) -> list[GateEntry]:
    """One entry a comparison."""
    # Only comparisons that were timed share the error. During timing their number is unknown, and all share it.
    family = max(1, sum(bool(comparison.sessions) for comparison in comparisons))
    return [_judge(comparison, margin, family) for comparison in comparisons]


def judge_identical(baseline: Baseline, results: ResultSet, margin: float) -> list[GateEntry]:
    """One entry for each file that is the baseline's byte for byte: it is not timed, and no slower."""
    rule = ("the ONNX files have the same SHA-256: there is nothing to time",)
    return [
        GateEntry("latency", now.title, "pass", "identical file", limit=1 + margin, evidence=rule)
        for was in baseline.models
        for now in counterparts(was, results)
        if was.onnx and now.result.model.onnx_sha256 == was.facts.onnx_sha256
    ]


def _judge(comparison: LatencyComparison, margin: float, family: int) -> GateEntry:
    what = f"{comparison.what} / {comparison.how.label}"
    if not comparison.sessions:
        reason = comparison.reason or "no reason was recorded"
        return GateEntry("latency", what, "inconclusive", f"not measured: {reason}", limit=1 + margin, measured=False)
    sessions = comparison.sessions
    found = judge_ratio(slice_p50s(sessions), slice_minima(sessions), margin, family=family)
    if found.p50 is None or found.minimum is None:
        text = f"{found.sessions} sessions are too few: their spread is unknown"
        return GateEntry("latency", what, "inconclusive", text, limit=1 + margin, n=found.sessions)
    status = STATUSES[found.status]
    of = f"over {found.sessions} sessions of {found.pairs} pairs of slices"
    message = f"p50 {_ratio(found.p50)}, minimum {_ratio(found.minimum)} {of}, allowed x{1 + margin:.3f}"
    if status == "inconclusive":
        wide = math.ceil(1000 * (found.p50.upper - 1)) / 1000
        message += "; the bounds lie on both sides of the limit, or p50 and minimum disagree"
        message += f"; a quieter machine may decide it, or a gate with may_rise = {wide:.3f}"
    return GateEntry(
        kind="latency",
        what=what,
        status=status,
        message=message,
        baseline=median(pair.reference_p50 for session in sessions for pair in session),
        current=median(pair.candidate_p50 for session in sessions for pair in session),
        estimate=found.p50.estimate,
        lower=found.p50.lower,
        upper=found.p50.upper,
        limit=1 + margin,
        n=found.sessions,
        architectures=comparison.architectures,
        improved=max(found.p50.upper, found.minimum.upper) < 1,
        evidence=ratio_told(comparison, margin, family),
    )


def _ratio(bounds: RatioBounds) -> str:
    return f"x{bounds.estimate:.3f} (one-sided bounds {bounds.lower:.3f} and {bounds.upper:.3f}, 99 % over all looks)"
