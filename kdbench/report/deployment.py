"""The tables of deployed models: what each is, how fast it was, and what was not measured and why."""

from kdbench.analyze import Deployed, Summary, Timing
from kdbench.report import formats as f
from kdbench.report.tables import Cell, Column, Table
from kdbench.results import NotMeasured


def architecture_table(summary: Summary) -> Table:
    """One row per architecture."""
    columns = (
        Column("Model", numeric=False),
        Column("Parameters"),
        Column("FLOPs", "per sample", "2 for a multiply-accumulate"),
        Column("ONNX file"),
        Column("Opset"),
        Column("Operators", "", "nodes of the exported graph", numeric=False),
    )
    rows = tuple(
        (
            Cell(_names(model), _roles(model)),
            Cell(f.count(model.parameters), _exactly(model.parameters), model.parameters),
            Cell(f.count(model.flops), _exactly(model.flops), model.flops),
            Cell(f.byte_size(model.onnx_bytes), f"{model.onnx_bytes:,} B", model.onnx_bytes),
            Cell(str(model.opset), sort=model.opset),
            Cell(", ".join(f"{count} {name}" for name, count in sorted(model.operators.items())) or f.NONE),
        )
        for model in summary.deployed
    )
    return Table("architectures", "Deployed models", columns, rows)


def timing_table(summary: Summary) -> Table:
    """One row per architecture, provider, thread count and batch size that was timed."""
    columns = (
        Column("Model", numeric=False),
        Column("Provider", numeric=False),
        Column("Threads"),
        Column("Batch", "samples"),
        Column("p50"),
        Column("p90"),
        Column("p99"),
        Column("Fastest"),
        Column("Throughput", "samples/s"),
        Column("Load"),
        Column("First call"),
        Column("Timed calls"),
    )
    rows = tuple(_timing_row(model, timing) for model in summary.deployed for timing in model.timings)
    notes = (
        "ONNX Runtime, one worker process, after warm-up; all percentiles are of single calls.",
        f"p90 needs 64 calls and p99 662 (MLPerf's bound); with fewer stands {f.NONE}. On a shared machine p99 says "
        "more about its neighbours than about the model.",
    )
    return Table("timings", "Latency and throughput", columns, rows, notes)


def _timing_row(model: Deployed, timing: Timing) -> tuple[Cell, ...]:
    times = timing.times
    return (
        Cell(_names(model)),
        Cell(timing.provider),
        Cell(str(timing.threads), sort=timing.threads),
        Cell(str(timing.batch), sort=timing.batch),
        *(Cell(f.microseconds(value), sort=value) for value in (times.p50, times.p90, times.p99, times.minimum)),
        Cell(f.count(round(times.samples_per_second)), sort=times.samples_per_second),
        Cell(f.seconds(timing.load_seconds), sort=timing.load_seconds),
        Cell(f.microseconds(1e6 * timing.first_run_seconds), sort=timing.first_run_seconds),
        Cell(f.count(times.calls), sort=times.calls),
    )


def unmeasured_table(summary: Summary) -> Table:
    """Timings that were asked for and are not there: one row for a provider and its reason."""
    columns = (
        Column("Provider", numeric=False),
        Column("Models", numeric=False),
        Column("Threads", numeric=False),
        Column("Batch", "samples", numeric=False),
        Column("Why not", numeric=False),
    )
    groups: dict[tuple[str, str], list[tuple[Deployed, NotMeasured]]] = {}
    for model in summary.deployed:
        for missing in model.not_measured:
            groups.setdefault((missing.provider, missing.reason), []).append((model, missing))
    rows = tuple(
        (
            Cell(provider),
            Cell(", ".join(dict.fromkeys(_names(model) for model, _ in group))),
            Cell(", ".join(map(str, sorted({missing.threads for _, missing in group})))),
            Cell(", ".join(map(str, sorted({missing.batch for _, missing in group})))),
            Cell(reason),
        )
        for (provider, reason), group in groups.items()
    )
    return Table("unmeasured", "Asked for and not measured", columns, rows)


def _exactly(number: int) -> str:
    """All digits, where the figure beside them is rounded."""
    return f"{number:,}" if number >= 1_000_000 else ""


def _names(model: Deployed) -> str:
    return ", ".join(dict.fromkeys(name for _, name in model.models))


def _roles(model: Deployed) -> str:
    return ", ".join(dict.fromkeys(role for role, _ in model.models))
