"""Latency, throughput and energy of exported networks: each architecture once, alone on the machine.

A network is timed slice by slice against the suite's reference: its architecture with the fewest FLOPs. The reference
against itself shows the noise of the machine.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TypeVar

from kdbench.execute.timing.rounds import Inputs, NotTaken, ask, time_rounds
from kdbench.execute.workers.messages import ColdStarted, LatencyMeasured, LatencyMissing, Message, Swept
from kdbench.execute.workers.place import Place
from kdbench.results import LatencyRecord, NotMeasured, Store, machine_facts, machine_fingerprint
from kdbench.results.keys import latency_key, throughput_key
from kdbench.results.machine.facts import timestamp, timing_cores
from kdbench.results.timings import Energy, Sessions, ThroughputRecord, slice_p50s
from kdbench.spec import How, LatencySpec
from kdbench.statistics.ratios import timing_settled

M = TypeVar("M")
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
    inputs: Inputs,
    place: Place,
) -> Generator[Message, None, Timed]:
    """Time one network per architecture in every way asked for, and `ties` against those that share their graph.

    `inputs` tells the jobs where their images come from: see `deployed_stages`.
    """
    found = Timed()
    session = _Session(asked, inputs, place, machine_fingerprint(), found)
    ordered = [reference, *(network for network in networks if network is not reference)]
    ways = asked.combinations(timing_cores())
    for how in ways:
        for network in ordered:
            yield from session.latency(network, reference, how)
    failed = [missing.how for missing in found.missing if missing.architecture == reference.architecture]
    possible = [how for how in ways if how not in failed]
    for twin in ties if possible else ():
        yield from session.latency(twin, next(n for n in ordered if n.architecture == twin.architecture), possible[0])
    if asked.largest_batch > 1:
        for how in dict.fromkeys(how.model_copy(update={"batch": 1}) for how in possible):
            for network in ordered:
                yield from session.throughput(network, reference, how)
    return found


@dataclass
class _Session:
    """What all measurements of one run share."""

    asked: LatencySpec
    inputs: Inputs
    place: Place
    machine: str
    found: Timed
    reasons: dict[tuple[str, int], str | None] = field(default_factory=dict)

    def _reason(self, how: How) -> str | None:
        at = (how.provider, how.threads)
        if at not in self.reasons:
            from kdbench.deploy.runtime.session import (
                why_impossible,  # ONNX Runtime: not for a run that has all its figures
            )

            self.reasons[at] = why_impossible(how.provider, how.threads)
        return self.reasons[at]

    def latency(self, network: Network, reference: Network, how: How) -> Iterator[Message]:
        """Time a network against the reference, unless the store has it."""
        files = (network.sha256, reference.sha256) if _is_tie(network, reference) else ()
        names = (network.architecture, reference.architecture)
        key = latency_key(*names, how, self.machine, margin=self.asked.margin, files=files)
        if key in self.found.latencies:
            return
        if not self.place.store.has(Store.LATENCY, key):
            try:
                if reason := self._reason(how) or _why_not(network, how):
                    raise NotTaken(reason)
                record = yield from self._measure(network, reference, how)
            except NotTaken as reason:
                yield from self._missing(network, how, str(reason))
                return
            self.place.store.write(Store.LATENCY, key, record)
            yield _told(key, network.label, record)
        self.found.latencies.append(key)

    def _measure(self, network: Network, reference: Network, how: How) -> Generator[Message, None, LatencyRecord]:
        """Rounds until they are settled. Raises `NotTaken`."""
        tie = _is_tie(network, reference)
        cold = ColdStarted(starts=(), energy=Energy(reason="read of one file per architecture"))
        if not tie:
            cold = yield from self._ask("start_cold", ColdStarted, onnx=str(network.onnx), how=how.model_dump())

        def settled(sessions: Sessions) -> bool:
            return tie or timing_settled(slice_p50s(sessions), self.asked.margin)

        rounds, reason = yield from time_rounds(network.onnx, reference.onnx, how, self.inputs, self.place, settled)
        if reason:
            raise NotTaken(reason)
        calls = [took for each in rounds for took in each.call_microseconds]
        return LatencyRecord(
            trial=network.trial,
            architecture=network.architecture,
            reference=reference.architecture,
            how=how,
            onnx_sha256=network.sha256,
            reference_sha256=reference.sha256,
            cold=cold.starts,
            sessions=tuple(session for each in rounds for session in each.sessions),
            calls=sum(each.calls for each in rounds),
            call_microseconds=tuple(calls[:: max(1, -(-len(calls) // KEPT_CALLS))]),
            energy=cold.energy,
            conditions=tuple(each.conditions for each in rounds),
            machine=machine_facts(),
            finished=timestamp(),
        )

    def throughput(self, network: Network, reference: Network, how: How) -> Iterator[Message]:
        """Sweep batches, unless the store has it."""
        names = (network.architecture, reference.architecture)
        key = throughput_key(*names, how, self.machine, self.asked.largest_batch)
        if not self.place.store.has(Store.THROUGHPUT, key):
            files = {"onnx": str(network.onnx), "reference": str(reference.onnx)}
            asked = {"label": network.label, "how": how.model_dump(), "largest": self.asked.largest_batch}
            try:
                if reason := _why_not(network, how):
                    raise NotTaken(reason)
                swept = yield from self._ask("sweep_batches", Swept, **files, **asked)
            except NotTaken as reason:
                yield from self._missing(network, how, str(reason))
                return
            record = ThroughputRecord(
                architecture=network.architecture,
                reference=reference.architecture,
                how=how,
                batches=swept.batches,
                ended=swept.ended,
                machine=machine_facts(),
                finished=timestamp(),
            )
            self.place.store.write(Store.THROUGHPUT, key, record)
        self.found.throughputs.append(key)

    def _missing(self, network: Network, how: How, reason: str) -> Iterator[Message]:
        if any((told.architecture, told.how) == (network.architecture, how) for told in self.found.missing):
            return  # a sweep begins where the latency of one sample has failed already
        missing = NotMeasured(architecture=network.architecture, how=how, reason=reason)
        self.found.missing.append(missing)
        yield LatencyMissing(what=missing)

    def _ask(self, stage: str, kind: type[M], **content: object) -> Generator[Message, None, M]:
        return (yield from ask(self.place, stage, kind, **self.inputs, **content))


def _is_tie(network: Network, reference: Network) -> bool:
    return network.architecture == reference.architecture and network.sha256 != reference.sha256


def _why_not(network: Network, how: How) -> str | None:
    if network.variant == "fp16" and how.provider == "cpu":
        return "half precision has no kernels on the CPU: onnxruntime would convert there and back"
    return None


def _told(key: str, label: str, record: LatencyRecord) -> LatencyMeasured:
    return LatencyMeasured(
        key=key,
        label=f"{label}, tie check" if record.kind == "tie" else label,
        how=record.how,
        p50_microseconds=median(record.call_microseconds),
        slice_pairs=sum(map(len, record.sessions)),
    )
