"""Parameters, FLOPs, bytes and operators of deployed files, which are compared exactly."""

from collections.abc import Iterable

from kdbench.analyze.gate.verdict import FIGURES, GateEntry, Status
from kdbench.results import Baseline, ModelFacts, ResultSet
from kdbench.results.baselines.matching import counterparts
from kdbench.spec import Gate


def judge_counts(baseline: Baseline, results: ResultSet, gates: Iterable[Gate]) -> list[GateEntry]:
    """What an architecture's rows deploy now: more than the gate allows is a regression, fewer an improvement."""
    wanted, entries = list(gates), []
    for model in baseline.models if wanted else ():
        found = counterparts(model, results)
        entries += [_judge(gate, model.facts, each.title, each.result.model) for each in found for gate in wanted]
        if not found:
            text = "no such model finished in this run, so its size is unknown"
            entries.append(GateEntry(wanted[0].metric, model.title, "regressed", text, measured=False))
    return entries


def _judge(gate: Gate, before: ModelFacts, title: str, after: ModelFacts) -> GateEntry:
    was, now = _count(gate, before), _count(gate, after)
    limit = was * (1 + gate.limit)
    name = "bytes of ONNX" if gate.metric == "onnx_bytes" else FIGURES[gate.metric]
    text = f"{was:,} {name} as before" if now == was else f"{was:,} before, {now:,} {name} now ({now - was:+,})"
    text += f", {limit:,.0f} allowed" if gate.limit else ""
    status: Status = "regressed" if now > limit else "pass"
    rule = (f"compared exactly: regressed above {limit:,.0f}",)
    better = now < was
    return GateEntry(
        gate.metric, title, status, text, baseline=was, current=now, limit=limit, improved=better, evidence=rule
    )


def _count(gate: Gate, facts: ModelFacts) -> int:
    match gate.metric:
        case "parameters":
            return facts.parameters
        case "flops":
            return facts.flops
        case "onnx_bytes":
            return facts.onnx_bytes
    return sum(facts.operators.values())
