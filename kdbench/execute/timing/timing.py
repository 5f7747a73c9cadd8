"""Latency, throughput and energy of exported networks: each architecture once, alone on the machine.

A network is timed slice by slice against the suite's reference: its architecture with the fewest FLOPs. The reference
against itself shows the noise of the machine. Networks take turns, so that each is timed in several parts of the run.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kdbench.deploy.runtime import BATCH
from kdbench.execute.events import Ahead, LatencyMeasured, LatencyMissing, RunEvent, ThroughputMeasured
from kdbench.execute.jobs.records import ReadEnergy, TimePair
from kdbench.execute.timing import rounds
from kdbench.execute.timing.rounds import forget_rounds, measure, take_turns, time_rounds
from kdbench.execute.timing.samples import Samples, Source, samples_from
from kdbench.execute.timing.throughput import sweep
from kdbench.execute.workers.job import NoAnswer
from kdbench.execute.workers.place import Place
from kdbench.results import LatencyRecord, NotMeasured, Store, machine_facts, machine_fingerprint
from kdbench.results.keys import latency_key, throughput_key
from kdbench.results.machine.energy_counters import why_no_counter
from kdbench.results.machine.facts import timestamp, timing_cores
from kdbench.results.timings import Energy, Round, Sessions, ThroughputRecord, slice_p50s
from kdbench.spec import How, LatencySpec
from kdbench.statistics.ratios import LOOKS, estimate_ratio, timing_settled

# Of a tie check, all in one go: what drifts acts alike on two files with the same graph.
TIE_SESSIONS = 5
ENERGY_SECONDS = 10.0
KEPT_CALLS = 5000


@dataclass(frozen=True)
class Network:
    """An exported file to be timed."""

    trial: str
    label: str
    architecture: str
    onnx: Path
    sha256: str
    flops: int
    variant: str = "fp32"


@dataclass
class Timed:
    """Keys of what is in the store, and what is missing."""

    latencies: list[str] = field(default_factory=list)
    throughputs: list[str] = field(default_factory=list)
    missing: list[NotMeasured] = field(default_factory=list)


def time_networks(
    networks: Sequence[Network],
    reference: Network,
    ties: Sequence[Network],
    asked: LatencySpec,
    source: Source,
    place: Place,
    dimensions: tuple[str, ...] = (BATCH,),
    *,
    anew: bool = True,
) -> Generator[RunEvent, None, Timed]:
    """Time one network per architecture in every way asked for, and `ties` against those that share their graph.

    `dimensions` are the names that the networks give to the batch. Without `anew` only what the store has is found.
    """
    found = Timed()
    with samples_from(source, max((*asked.batch_sizes, asked.largest_batch)), place) as samples:
        session = _Session(asked, samples, dimensions, place, machine_fingerprint(), found, anew)
        ordered = [reference, *(network for network in networks if network is not reference)]
        ways = asked.combinations(timing_cores())
        if units := anew and session.units(ordered, reference, ties, ways):
            yield Ahead(work="timing", units=units)
        yield from take_turns(session.latency(network, reference, how) for how in ways for network in ordered)
        failed = [missing.how for missing in found.missing if missing.architecture == reference.architecture]
        possible = [how for how in ways if how not in failed]
        for twin in ties if possible else ():
            same = next(network for network in ordered if network.architecture == twin.architecture)
            yield from session.latency(twin, same, possible[0])
        if asked.largest_batch > 1:
            for how in dict.fromkeys(how.model_copy(update={"batch": 1}) for how in possible):
                for network in ordered:
                    yield from session.throughput(network, reference, how)
    return found


@dataclass
class _Session:
    """What all measurements of one run share."""

    asked: LatencySpec
    samples: Samples
    dimensions: tuple[str, ...]
    place: Place
    machine: str
    found: Timed
    anew: bool
    reasons: dict[tuple[str, int], str | None] = field(default_factory=dict)

    def latency(self, network: Network, reference: Network, how: How) -> Iterator[RunEvent]:
        """Time a network against the reference, unless the store has it."""
        key = self._latency_key(network, reference, how)
        if key in self.found.latencies or not (self.anew or self.place.store.has(Store.LATENCY, key)):
            return
        self.found.latencies.append(key)  # in the order of what was asked for, whichever is settled first
        if not self.place.store.has(Store.LATENCY, key):
            try:
                if reason := self._reason(how) or _why_not(network, how):
                    raise NoAnswer(reason)
                record = yield from self._measure(network, reference, how, key)
            except NoAnswer as reason:
                self.found.latencies.remove(key)
                yield from self._missing(network, how, str(reason))
                return
            self.place.store.write(Store.LATENCY, key, record)
            forget_rounds(key, self.place.store)
            yield _measured(key, network.label, record)

    def units(
        self, networks: Sequence[Network], reference: Network, ties: Sequence[Network], ways: Sequence[How]
    ) -> int:
        """The rounds that are ahead where each ratio settles at the first look; of a throughput, as many as batches."""
        lacking = sum(
            not self.place.store.has(Store.LATENCY, self._latency_key(network, reference, how))
            for how in ways
            for network in networks
            if _why_not(network, how) is None
        )
        if not ways:
            return 0
        for twin in ties:
            same = next(network for network in networks if network.architecture == twin.architecture)
            lacking += not self.place.store.has(Store.LATENCY, self._latency_key(twin, same, ways[0]))
        batches = self.asked.largest_batch.bit_length() if self.asked.largest_batch > 1 else 0
        swept = sum(
            not self.place.store.has(Store.THROUGHPUT, self._throughput_key(network, reference, how))
            for how in dict.fromkeys(how.model_copy(update={"batch": 1}) for how in ways)
            for network in networks
            if _why_not(network, how) is None
        )
        return lacking * LOOKS[0] + swept * batches

    def _latency_key(self, network: Network, reference: Network, how: How) -> str:
        files = (network.sha256, reference.sha256) if _is_tie(network, reference) else ()
        names = (network.architecture, reference.architecture)
        return latency_key(*names, how, self.machine, margin=self.asked.margin, files=files)

    def _throughput_key(self, network: Network, reference: Network, how: How) -> str:
        names = (network.architecture, reference.architecture)
        return throughput_key(*names, how, self.machine, self.asked.largest_batch)

    def _reason(self, how: How) -> str | None:
        at = (how.provider, how.threads)
        if at not in self.reasons:
            # It imports ONNX Runtime: not for a run that has all its figures.
            from kdbench.deploy.runtime.session import why_impossible

            self.reasons[at] = why_impossible(how.provider, how.threads)
        return self.reasons[at]

    def _measure(
        self, network: Network, reference: Network, how: How, key: str
    ) -> Generator[RunEvent, None, LatencyRecord]:
        """Rounds until they are settled; a tie check is one longer round. Raises `NoAnswer`."""
        tie = _is_tie(network, reference)
        yield from self.samples.save()
        job = self._pair(network, reference, how)
        if tie:
            timed = [(yield from measure(job.model_copy(update={"sessions": TIE_SESSIONS}), self.place))]
            energy = Energy(reason="read of one file per architecture")
        else:
            timed = yield from self._rounds(job, key)
            energy = yield from self._read_energy(network, how)
        calls = [took for each in timed for took in each.call_microseconds]
        return LatencyRecord(
            key=key,
            trial=network.trial,
            architecture=network.architecture,
            reference=reference.architecture,
            how=how,
            onnx_sha256=network.sha256,
            reference_sha256=reference.sha256,
            cold=tuple(each.cold for each in timed if each.cold),
            sessions=tuple(session for each in timed for session in each.sessions),
            apart=not tie,
            calls=sum(each.calls for each in timed),
            call_microseconds=tuple(calls[:: max(1, -(-len(calls) // KEPT_CALLS))]),
            energy=energy,
            conditions=tuple(each.conditions for each in timed),
            machine=machine_facts(),
            finished=timestamp(),
        )

    def _rounds(self, job: TimePair, key: str) -> Generator[RunEvent, None, list[Round]]:
        """Raises `NoAnswer` where a round broke off."""

        def settled(sessions: Sessions) -> bool:
            return timing_settled(slice_p50s(sessions), self.asked.margin)

        timed, reason = yield from time_rounds(job.model_copy(update={"cold": True}), self.place, settled, key)
        if reason:
            raise NoAnswer(reason)
        return timed

    def _read_energy(self, network: Network, how: How) -> Generator[RunEvent, None, Energy]:
        if reason := why_no_counter(how.provider):
            return Energy(reason=reason)
        job = ReadEnergy(
            onnx=_path(network),
            samples=self.samples.path,
            how=how,
            dimensions=self.dimensions,
            seconds=ENERGY_SECONDS,
        )
        return (yield from measure(job, self.place))

    def _pair(self, network: Network, reference: Network, how: How) -> TimePair:
        return TimePair(
            candidate=_path(network),
            reference=_path(reference),
            samples=self.samples.path,
            how=how,
            dimensions=self.dimensions,
            sessions=1,
            pairs=rounds.PAIRS,
        )

    def throughput(self, network: Network, reference: Network, how: How) -> Iterator[RunEvent]:
        """Sweep batches, unless the store has it."""
        key = self._throughput_key(network, reference, how)
        if not self.place.store.has(Store.THROUGHPUT, key):
            if not self.anew:
                return
            try:
                if reason := _why_not(network, how):
                    raise NoAnswer(reason)
                record = yield from self._sweep(network, reference, how, key)
            except NoAnswer as reason:
                yield from self._missing(network, how, str(reason))
                return
            self.place.store.write(Store.THROUGHPUT, key, record)
            largest = record.batches[-1].batch
            yield ThroughputMeasured(label=network.label, how=how, largest=largest, ended=record.ended)
        self.found.throughputs.append(key)

    def _sweep(
        self, network: Network, reference: Network, how: How, key: str
    ) -> Generator[RunEvent, None, ThroughputRecord]:
        """Raises `NoAnswer` where no batch could be timed."""
        saved = yield from self.samples.save()
        job = self._pair(network, reference, how)
        batches, ended = yield from sweep(job, self.asked.largest_batch, saved.sample_bytes, self.place)
        if not batches:
            raise NoAnswer(ended)
        return ThroughputRecord(
            key=key,
            architecture=network.architecture,
            reference=reference.architecture,
            how=how,
            batches=batches,
            ended=ended,
            machine=machine_facts(),
            finished=timestamp(),
        )

    def _missing(self, network: Network, how: How, reason: str) -> Iterator[RunEvent]:
        if any((known.architecture, known.how) == (network.architecture, how) for known in self.found.missing):
            return  # a sweep begins where the latency of one sample has failed already
        missing = NotMeasured(architecture=network.architecture, how=how, reason=reason)
        self.found.missing.append(missing)
        yield LatencyMissing(what=missing)


def _path(network: Network) -> str:
    return str(network.onnx.resolve())


def _is_tie(network: Network, reference: Network) -> bool:
    return network.architecture == reference.architecture and network.sha256 != reference.sha256


def _why_not(network: Network, how: How) -> str | None:
    if network.variant == "fp16" and how.provider == "cpu":
        return "half precision has no kernels on the CPU: onnxruntime would convert there and back"
    return None


def _measured(key: str, label: str, record: LatencyRecord) -> LatencyMeasured:
    ratio = estimate_ratio(slice_p50s(record.sessions))
    return LatencyMeasured(
        key=key,
        label=f"{label}, tie check" if record.kind == "tie" else label,
        how=record.how,
        ratio=ratio.estimate if ratio else None,
        slice_pairs=sum(map(len, record.sessions)),
        tie=record.kind == "tie",
    )
