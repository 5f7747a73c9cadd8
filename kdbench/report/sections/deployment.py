"""Teachers and deployed models: what they are, how fast they were, and what was not measured and why."""

from collections.abc import Sequence

from kdbench.analyze import Deployed, PairSummary, Summary, Timing
from kdbench.report.writing import formats as f
from kdbench.report.writing.section import Section
from kdbench.report.writing.tables import Cell, Column, Table
from kdbench.results import NotMeasured
from kdbench.results.timings import Energy
from kdbench.statistics.percentiles import Percentile
from kdbench.statistics.ratios import LOOKS

BOUND = "below, its upper bound at 99 % confidence, for these calls"


TERMS = (
    (
        "Timing",
        "ONNX Runtime, after warm-up. Networks took turns: in each round, every network was timed in slices of 10 ms, "
        "interleaved with slices of the reference, in newly created sessions, until the interval of its ratio was "
        f"within half the margin or {LOOKS[-1]} rounds were over (inconclusive). The interval is over sessions, so it "
        "includes the spread between parts of the run. A ratio is robust to drift of a shared machine; a p50 is not.",
    ),
    (
        "Percentiles of latency",
        "Bounds of percentiles (MLPerf's early stopping) hold for the calls of this run, not for later sessions. p90 "
        "needs 64 calls and p99 662. On a shared machine p99 depends more on other processes than on the model.",
    ),
)


def deployment_section(summary: Summary) -> Section:
    """Every architecture once."""
    return Section(
        "deployed",
        "Teachers and deployed models",
        "What was exported and timed, one row per architecture, and what was asked for and not measured.",
        tables=(
            teacher_table(summary),
            architecture_table(summary.deployed),
            timing_table(summary.deployed),
            unmeasured_table(summary.deployed),
        ),
        terms=TERMS,
    )


def teacher_table(summary: Summary) -> Table:
    """One row per teacher."""
    columns = (
        Column("Teacher", numeric=False),
        Column("Pair", numeric=False),
        Column("Top-1", "% of test", "mean over teachers, with its 95 % interval"),
        Column("SD", "points", "over teachers", least=True),
        Column("Parameters", least=True),
        Column("FLOPs", "per sample", least=True),
        Column("ONNX file", least=True),
        Column("Latency p50", "observed", least=True),
        Column("Correct per GFLOP", "test samples", "below, those beyond chance"),
        Column("Training step", "ms", least=True),
    )
    return Table("teachers", "Teachers", columns, tuple(_teacher_row(p) for p in summary.pairs))


def _teacher_row(pair: PairSummary) -> tuple[Cell, ...]:
    row = pair.teacher
    if row is None:
        return (Cell("none finished"), Cell(pair.pair), *(Cell(f.NONE) for _ in range(8)))
    above = f.count(row.efficiency.per_gflop_above_chance)
    return (
        Cell(row.model, f.several(len(row.seeds), "teacher")),
        Cell(pair.pair),
        Cell(f.percent(row.top1.mean), f.percent_interval(row.top1.interval), row.top1.mean),
        Cell(f.spread(row.top1.sd), sort=row.top1.sd),
        Cell(f.count(row.parameters), sort=row.parameters),
        Cell(f.count(row.flops), sort=row.flops),
        Cell(f.byte_size(row.onnx_bytes), sort=row.onnx_bytes),
        Cell(f.microseconds(row.p50_microseconds), sort=row.p50_microseconds),
        Cell(f.count(row.efficiency.per_gflop), above, row.efficiency.per_gflop),
        Cell(f"{row.training.step_milliseconds:.2f}", sort=row.training.step_milliseconds),
    )


def architecture_table(deployed: Sequence[Deployed]) -> Table:
    """One row per architecture."""
    columns = (
        Column("Model", numeric=False),
        Column("Parameters", least=True),
        Column("FLOPs", "per sample", "2 for a multiply-accumulate", least=True),
        Column("ONNX file", least=True),
        Column("Opset"),
        Column("Operators", "", "nodes of the exported graph", numeric=False),
    )
    rows = tuple(
        (
            Cell(names_of(model), _roles(model)),
            Cell(f.count(model.parameters), _exactly(model.parameters), model.parameters),
            Cell(f.count(model.flops), _exactly(model.flops), model.flops),
            Cell(f.byte_size(model.onnx_bytes), f"{model.onnx_bytes:,} B", model.onnx_bytes),
            Cell(str(model.opset), sort=model.opset),
            Cell(", ".join(f"{count} {name}" for name, count in sorted(model.operators.items())) or f.NONE),
        )
        for model in deployed
    )
    return Table("architectures", "Deployed models", columns, rows)


def timing_table(deployed: Sequence[Deployed]) -> Table:
    """One row per architecture, provider, thread count and batch size that was timed."""
    columns = (
        Column("Model", numeric=False),
        Column("How", "provider, threads, batch", numeric=False),
        Column("p50", "observed", f"median of the calls of this run; {BOUND}", least=True),
        Column(
            "Against the reference", "ratio", "of interleaved slices, with its 95 % interval over sessions", least=True
        ),
        Column("p90", "observed", f"of the calls of this run; {BOUND}", least=True),
        Column("p99", "observed", f"of the calls of this run; {BOUND}", least=True),
        Column("Fastest"),
        Column("Throughput", "samples/s", "of calls one after the other"),
        Column("Load", "cold", "median of fresh processes", least=True),
        Column("First call", "cold", "median of fresh processes", least=True),
        Column("Memory", "cold", "increase of a fresh process's peak by loading and the first call", least=True),
        Column("Energy", "per sample", "net of the power at rest", least=True),
        Column("Timed calls"),
    )
    rows = tuple(_timing_row(model, timing) for model in deployed for timing in model.timings)
    reference = next((names_of(m) for m in deployed if any(t.ratio is None for t in m.timings)), f.NONE)
    reasons = dict.fromkeys(t.energy.reason for m in deployed for t in m.timings if t.energy.reason)
    notes = (
        f"The reference is {reference}.",
        *_timed_in_one_go(deployed),
        *(f"No energy: {reason}." for reason in reasons),
    )
    return Table("timings", "Latency and throughput", columns, rows, notes)


def _timed_in_one_go(deployed: Sequence[Deployed]) -> tuple[str, ...]:
    ratios = [timing for model in deployed for timing in model.timings if timing.ratio]
    in_one_go = sum(not timing.apart for timing in ratios)
    if not in_one_go:
        return ()
    return (
        f"Timed in one go, by an earlier kdbench: {in_one_go} of {f.several(len(ratios), 'ratio')}. These intervals "
        "leave out drift during the run.",
    )


def _timing_row(model: Deployed, timing: Timing) -> tuple[Cell, ...]:
    times = timing.times
    return (
        Cell(names_of(model)),
        Cell(timing.how.label),
        Cell(f.microseconds(times.p50), _under(times.p50_bound), times.p50),
        _ratio_cell(timing),
        *(_percentile_cell(percentile) for percentile in (times.p90, times.p99)),
        Cell(f.microseconds(times.minimum), sort=times.minimum),
        Cell(f.count(round(times.samples_per_second)), sort=times.samples_per_second),
        Cell(f.seconds(timing.load_seconds), sort=timing.load_seconds),
        Cell(f.microseconds(1e6 * timing.first_run_seconds), sort=timing.first_run_seconds),
        Cell(f.byte_size(timing.memory_bytes), sort=timing.memory_bytes),
        _energy_cell(timing.energy),
        Cell(f.count(times.calls), sort=times.calls),
    )


def _ratio_cell(timing: Timing) -> Cell:
    if timing.ratio is None:
        return Cell("reference")
    within = f"{timing.ratio.low:.3f} to {timing.ratio.high:.3f}"
    return Cell(
        f"{timing.ratio.estimate:.3f}", within if timing.settled else f"{within}, inconclusive", timing.ratio.estimate
    )


def _percentile_cell(percentile: Percentile | None) -> Cell:
    if percentile is None:
        return Cell(f.NONE)
    return Cell(f.microseconds(percentile.value), _under(percentile.bound), percentile.value)


def _under(bound: float | None) -> str:
    return "" if bound is None else f"under {f.microseconds(bound)}"


def _energy_cell(energy: Energy) -> Cell:
    joules = energy.joules_per_unit
    return Cell(f.NONE) if joules is None else Cell(f"{1e3 * joules:.3g} mJ", energy.source or "", joules)


def unmeasured_table(deployed: Sequence[Deployed]) -> Table:
    """Timings that were asked for and not taken: one row for a provider and its reason."""
    columns = (
        Column("Provider", numeric=False),
        Column("Models", numeric=False),
        Column("How", numeric=False),
        Column("Why not", numeric=False),
    )
    groups: dict[tuple[str, str], list[tuple[Deployed, NotMeasured]]] = {}
    for model in deployed:
        for missing in model.not_measured:
            groups.setdefault((missing.how.provider, missing.reason), []).append((model, missing))
    rows = tuple(
        (
            Cell(provider),
            Cell(", ".join(dict.fromkeys(names_of(model) for model, _ in group))),
            Cell("; ".join(dict.fromkeys(missing.how.label for _, missing in group))),
            Cell(reason),
        )
        for (provider, reason), group in groups.items()
    )
    return Table("unmeasured", "Asked for and not measured", columns, rows)


def _exactly(number: int) -> str:
    """All digits, where the figure beside them is rounded."""
    return f"{number:,}" if number >= 1_000_000 else ""


def names_of(model: Deployed) -> str:
    """'cnn(width=8)', or 'cnn(width=8) as int8_static'."""
    names = ", ".join(dict.fromkeys(name for _, name in model.models))
    return names if model.variant == "fp32" else f"{names} as {model.variant}"


def _roles(model: Deployed) -> str:
    return ", ".join(dict.fromkeys(role for role, _ in model.models))
