"""The deployed architectures: size, arithmetic, latencies, and each timing that was asked for and is not there."""

from collections.abc import Sequence
from itertools import product

from kdbench.analyze.latency import summarize_calls
from kdbench.analyze.rows import Deployed, ReferenceTiming, Role, Timing
from kdbench.results import LatencyRecord, NotMeasured, TrialRecord
from kdbench.spec import Entry, LatencySpec


def describe_deployed(
    done: Sequence[tuple[Entry, TrialRecord]],
    latencies: Sequence[LatencyRecord],
    not_measured: Sequence[NotMeasured],
    asked: LatencySpec,
) -> tuple[Deployed, ...]:
    """One record per architecture, in the order of the suite; a timing belongs to an architecture, not to a loss."""
    names: dict[str, dict[tuple[Role, str], None]] = {}
    first: dict[str, TrialRecord] = {}
    for entry, record in done:
        names.setdefault(record.model.architecture, {})[entry.role, entry.model] = None
        first.setdefault(record.model.architecture, record)
    found = []
    for architecture, record in first.items():
        timings = tuple(_timing(latency) for latency in latencies if latency.architecture == architecture)
        reasons = [missing for missing in not_measured if missing.architecture == architecture]
        found.append(
            Deployed(
                architecture=architecture,
                models=tuple(names[architecture]),
                parameters=record.model.parameters,
                flops=record.model.flops,
                onnx_bytes=record.model.onnx_bytes,
                opset=record.model.opset,
                operators=record.model.operators,
                timings=timings,
                not_measured=_all_missing(architecture, timings, reasons, asked),
            )
        )
    return tuple(found)


def choose_reference(deployed: Sequence[Deployed], asked: LatencySpec) -> ReferenceTiming | None:
    """The timing by which models are compared: cpu, fewest threads, smallest batch; None unless every model has it."""
    threads, batch = min(asked.threads, default=1), min(asked.batch_sizes, default=1)
    p50 = {
        model.architecture: timing.times.p50
        for model in deployed
        for timing in model.timings
        if (timing.provider, timing.threads, timing.batch) == ("cpu", threads, batch)
    }
    complete = bool(deployed) and all(model.architecture in p50 for model in deployed)
    return ReferenceTiming("cpu", threads, batch, p50) if complete else None


def _timing(record: LatencyRecord) -> Timing:
    return Timing(
        provider=record.provider,
        threads=record.threads,
        batch=record.batch,
        times=summarize_calls(record.call_microseconds, record.batch),
        load_seconds=record.load_seconds,
        first_run_seconds=record.first_run_seconds,
        warmup_runs=record.warmup_runs,
    )


def _all_missing(
    architecture: str, timings: Sequence[Timing], reasons: Sequence[NotMeasured], asked: LatencySpec
) -> tuple[NotMeasured, ...]:
    """The recorded reasons, and an entry for each combination that has neither a timing nor a reason."""
    known = {(timing.provider, timing.threads, timing.batch) for timing in timings}
    known |= {(missing.provider, missing.threads, missing.batch) for missing in reasons}
    silent = [
        NotMeasured(
            architecture=architecture,
            provider=provider,
            threads=threads,
            batch=batch,
            reason="asked for, but the run holds neither a timing nor a reason",
        )
        for provider, threads, batch in product(asked.providers, asked.threads, asked.batch_sizes)
        if (provider, threads, batch) not in known
    ]
    return (*reasons, *silent)
