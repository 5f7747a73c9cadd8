"""Whether new results are worse than a baseline."""

from collections.abc import Sequence

from kdbench.analyze.gate.counts import judge_counts
from kdbench.analyze.gate.coverage import beyond, covers, notes_on, what_changed
from kdbench.analyze.gate.figures import figures_of
from kdbench.analyze.gate.latency import judge_identical, judge_latencies
from kdbench.analyze.gate.power import what_the_gate_sees
from kdbench.analyze.gate.seeds import judge_seeds
from kdbench.analyze.gate.verdict import GateEntry, Verdict
from kdbench.results import Baseline, LatencyComparison, ResultSet
from kdbench.results.baselines.matching import follow
from kdbench.spec.comparison import Metric, of_files


def judge(
    baseline: Baseline,
    results: ResultSet,
    comparisons: Sequence[LatencyComparison],
    *,
    without: Sequence[Metric] = (),
    looks: int = 1,
) -> Verdict:
    """Hold results against a baseline: figures by seed, latency by interleaved slices, counts exactly.

    `without` are the metrics that are left out; the verdict says so. `looks`: see `judge_seeds`.
    """
    baseline = follow(baseline, results.suite)
    gates = [gate for gate in baseline.gates if gate.metric not in without]
    figures = [figure for figure in figures_of(baseline) if figure.gate in gates]
    margin = baseline.latency_margin if "latency" not in without else None
    entries: list[GateEntry] = [
        *judge_seeds(baseline, results, figures, looks),
        *judge_counts(baseline, results, of_files(gates)),
    ]
    if margin is not None:
        entries += [*judge_latencies(comparisons, margin), *judge_identical(baseline, results, margin)]
    left_out = [gate.label for gate in baseline.gates if gate not in gates]
    notes = [*notes_on(baseline, results)]
    notes += [f"not judged, as asked: {', '.join(left_out)}"] if left_out else []
    if baseline.latency_margin is None:
        notes.append('latency is not judged: no gate of the baseline asks for it ([[gates]] with metric = "latency")')
    return Verdict(
        suite=baseline.spec.name,
        entries=tuple(entries),
        notes=tuple(notes),
        sees=what_the_gate_sees(baseline) if any(figure.clean_top1 for figure in figures) else "",
        covers=covers(baseline),
        beyond=beyond(baseline, results),
        changed=what_changed(baseline, results),
    )
