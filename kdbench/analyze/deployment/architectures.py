"""The deployed architectures: size, FLOPs, latencies, and the timings that were asked for and not taken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from kdbench.results import LatencyRecord, ModelFacts, NotMeasured, ResultSet, TrialResult
from kdbench.results.timings import Energy, ThroughputRecord, slice_p50s
from kdbench.spec import Entry, How
from kdbench.spec.planning.entry import Role
from kdbench.statistics.intervals import Estimate, estimate
from kdbench.statistics.percentiles import CallTimes, summarize_calls
from kdbench.statistics.ratios import RatioEstimate, estimate_ratio, timing_settled

NEAR_PEAK = 0.95


@dataclass(frozen=True)
class Timing:
    """One architecture timed in one way; cold figures are medians over fresh processes."""

    how: How
    times: CallTimes
    ratio: RatioEstimate | None  # to the reference; None for the reference itself
    settled: bool  # whether the interval became as narrow as asked for
    apart: bool  # whether its sessions come from parts of the run that lie apart
    load_seconds: float
    first_run_seconds: float
    memory_bytes: int
    energy: Energy


@dataclass(frozen=True)
class Throughput:
    """One architecture's samples per second by batch size; `batch` is the smallest that reaches 95 % of the peak."""

    how: How
    rates: tuple[tuple[int, float], ...]
    peak: float
    batch: int
    ended: str  # why no larger batch was timed


@dataclass(frozen=True)
class Deployed:
    """A deployed architecture: its size, its timings, and what was not measured of it."""

    architecture: str
    models: tuple[tuple[Role, str], ...]
    variant: str  # 'fp32' for the exported file itself
    parameters: int
    flops: int
    onnx_bytes: int
    opset: int
    operators: Mapping[str, int]
    timings: tuple[Timing, ...]
    throughputs: tuple[Throughput, ...]
    not_measured: tuple[NotMeasured, ...]
    cpu_seconds: Estimate | None = None  # of one sample, over the evaluations of all its files; None for a variant


@dataclass(frozen=True)
class ReferenceTiming:
    """The timing by which tables and the Pareto front compare models, by architecture."""

    how: How
    p50: Mapping[str, float]  # microseconds, observed
    ratio: Mapping[str, RatioEstimate]  # to the reference network, for all others

    def scaled(self, architecture: str) -> float | None:
        """Microseconds by which models are ordered: the reference network's p50 times the ratio to it.

        A network's own p50 drifts with the machine; the ratio was timed in interleaved slices.
        """
        base = next((p50 for name, p50 in self.p50.items() if name not in self.ratio), None)
        if base is None or architecture not in self.ratio:
            return self.p50.get(architecture)
        return base * self.ratio[architecture].estimate

    def speedup(self, slower: str, faster: str) -> RatioEstimate | None:
        """How many times as long the first architecture takes as the second; None where one was not timed."""
        if slower == faster or not {slower, faster} <= self.p50.keys():
            return None
        above, below = self.ratio.get(slower), self.ratio.get(faster)
        if above and below:
            return above.over(below)
        return above or (below.inverse if below else None)


def describe_deployed(done: Sequence[tuple[Entry, TrialResult]], results: ResultSet) -> tuple[Deployed, ...]:
    """One record per architecture, variants last; a timing belongs to an architecture, not to a loss."""
    names: dict[str, dict[tuple[Role, str], None]] = {}
    facts: dict[str, tuple[str, ModelFacts]] = {}
    for entry, record in done:
        names.setdefault(record.model.architecture, {})[entry.role, entry.model] = None
        facts.setdefault(record.model.architecture, ("fp32", record.model))
    cpu: dict[str, list[float]] = {}
    for record in {entry.key: record for entry, record in done}.values():
        if record.cpu_seconds > 0:
            cpu.setdefault(record.model.architecture, []).append(record.cpu_seconds / record.test.samples)
    entries = {entry.key: entry for entry, _ in reversed(done)}
    for variant in results.variants:
        if trained := entries.get(variant.trial):
            names.setdefault(variant.model.architecture, {})[trained.role, trained.model] = None
            facts.setdefault(variant.model.architecture, (variant.label, variant.model))
    return tuple(
        Deployed(
            architecture=architecture,
            models=tuple(names[architecture]),
            variant=variant,
            parameters=model.parameters,
            flops=model.flops,
            onnx_bytes=model.onnx_bytes,
            opset=model.opset,
            operators=model.operators,
            timings=(timings := timings_of(architecture, results.latencies, results.suite.latency.margin)),
            throughputs=tuple(throughput_of(r) for r in results.throughputs if r.architecture == architecture),
            not_measured=_all_missing(architecture, timings, results),
            cpu_seconds=estimate(cpu[architecture]) if architecture in cpu else None,
        )
        for architecture, (variant, model) in facts.items()
    )


def choose_reference(
    deployed: Sequence[Deployed], provider: str = "cpu", batch: int | None = None
) -> ReferenceTiming | None:
    """The timing by which models are compared: fewest threads, smallest batch; None unless every model has it."""
    exported = [model for model in deployed if model.variant == "fp32"]
    hows = [timing.how for model in exported for timing in model.timings if timing.how.provider == provider]
    hows = [how for how in hows if batch in (None, how.batch)]
    if not hows:
        return None
    how = min(hows, key=lambda how: (how.threads, how.batch, how.spinning))
    found = {model.architecture: timing for model in deployed for timing in model.timings if timing.how == how}
    if any(model.architecture not in found for model in exported):
        return None
    return ReferenceTiming(
        how,
        p50={architecture: timing.times.p50 for architecture, timing in found.items()},
        ratio={architecture: timing.ratio for architecture, timing in found.items() if timing.ratio},
    )


def timings_of(architecture: str, latencies: Sequence[LatencyRecord], margin: float) -> tuple[Timing, ...]:
    """The timings of one architecture; tie checks are not among them."""
    mine = [record for record in latencies if record.architecture == architecture and record.kind != "tie"]
    return tuple(_timing(record, margin) for record in mine)


def _timing(record: LatencyRecord, margin: float) -> Timing:
    return Timing(
        how=record.how,
        times=summarize_calls(record.call_microseconds, record.how.batch),
        ratio=estimate_ratio(slice_p50s(record.sessions)) if record.kind == "latency" else None,
        settled=timing_settled(slice_p50s(record.sessions), margin),
        apart=record.apart,
        load_seconds=median(start.load_seconds for start in record.cold),
        first_run_seconds=median(start.first_run_seconds for start in record.cold),
        memory_bytes=round(median(start.memory_bytes for start in record.cold)),
        energy=record.energy,
    )


def throughput_of(record: ThroughputRecord) -> Throughput:
    """Samples per second by batch size, and the smallest batch with 95 % of the peak."""
    rates = []
    for timed in record.batches:
        pairs = [pair for session in timed.sessions for pair in session]
        rates.append((timed.batch, timed.batch / median(pair.candidate_mean for pair in pairs) * 1e6))
    peak = max(rate for _, rate in rates)
    batch = next(batch for batch, rate in rates if rate >= NEAR_PEAK * peak)
    return Throughput(record.how, tuple(rates), peak, batch, record.ended)


def _all_missing(architecture: str, timings: Sequence[Timing], results: ResultSet) -> tuple[NotMeasured, ...]:
    """The recorded reasons, and an entry for each way that has neither a timing nor a reason.

    `threads = "cores"` stands for the number of cores of the machine that the run records.
    """
    reasons = [missing for missing in results.run.not_measured if missing.architecture == architecture]
    known = {timing.how for timing in timings} | {missing.how for missing in reasons}
    silent = [
        NotMeasured(
            architecture=architecture, how=how, reason="asked for, but the run has neither a timing nor a reason"
        )
        for how in _ways(results)
        if how not in known
    ]
    return (*reasons, *silent)


def _ways(results: ResultSet) -> tuple[How, ...]:
    """What was asked for, with the number of cores of the machine where it ran."""
    cores = results.run.machine.get("timing_cores")
    return results.suite.latency.combinations(cores if isinstance(cores, int) else 1)
