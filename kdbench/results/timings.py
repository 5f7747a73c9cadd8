"""What was timed: raw slices and calls, and the energy of a stretch of work. Ratios are computed from them."""

from typing import Literal

from pydantic import JsonValue

from kdbench.results.stored import Amount, KeyedTimes, Number, Raw, Stored
from kdbench.spec import How, Record
from kdbench.spec.choice import Several
from kdbench.spec.types import Positive


class Energy(Raw):
    """Energy of a stretch of work by a counter of the machine: gross joules, and the power at rest.

    No figure comes without a counter: `joules` is none then, and `reason` says why.
    """

    joules: Amount | None = None  # of the whole stretch, rest included
    idle_watts: Amount | None = None  # before it
    seconds: Amount = 0.0
    units: Number = 0  # samples predicted, or trained on
    source: str | None = None  # the counter
    reason: str | None = None

    @property
    def net_joules(self) -> float | None:
        """Net of the power at rest; none without a counter."""
        if self.joules is None or self.idle_watts is None:
            return None
        return self.joules - self.idle_watts * self.seconds

    @property
    def joules_per_unit(self) -> float | None:
        """Of one sample, likewise."""
        return None if self.net_joules is None or not self.units else self.net_joules / self.units


class SlicePair(Raw):
    """A 10 ms slice of the candidate and one of the reference, interleaved in random order; microseconds per call."""

    candidate_p50: Positive
    candidate_min: Positive
    candidate_mean: Positive
    reference_p50: Positive
    reference_min: Positive
    reference_mean: Positive


Sessions = Several[Several[SlicePair]]  # freshly created pairs of sessions, each with its slice pairs
Times = tuple[tuple[tuple[float, float], ...], ...]


def slice_p50s(sessions: Sessions) -> Times:
    """Median of the calls of a slice, as (candidate, reference) by session and pair; microseconds."""
    return tuple(tuple((pair.candidate_p50, pair.reference_p50) for pair in session) for session in sessions)


def slice_minima(sessions: Sessions) -> Times:
    """Fastest call of a slice, likewise."""
    return tuple(tuple((pair.candidate_min, pair.reference_min) for pair in session) for session in sessions)


class ColdStart(Raw):
    """A model in a process of its own that has done nothing before."""

    load_seconds: Amount
    first_run_seconds: Amount
    memory_bytes: Number  # by which loading and the first run raised the process's peak


class Round(Stored):
    """Freshly created pairs of sessions, each with its slice pairs, timed in one process.

    A run stores it until the record that it becomes a part of is there.
    """

    sessions: Sessions
    calls: Number  # of the candidate
    call_microseconds: Several[Positive]  # of them, evenly thinned
    conditions: dict[str, JsonValue]  # counters of noise, clocks, session options, versions
    cold: ColdStart | None = None  # of the candidate, before anything else in that process


class LatencyRecord(KeyedTimes):
    """One network timed against a reference in the same worker, slice by slice: raw times.

    The reference against itself shows the noise of the machine; two files of one architecture must tie.
    """

    trial: str  # key of the trial whose file was timed
    architecture: str
    reference: str  # an architecture
    how: How
    onnx_sha256: str
    reference_sha256: str
    cold: Several[ColdStart]
    sessions: Sessions
    apart: bool = False  # whether they come from rounds with those of other networks between them
    calls: Number  # of the candidate
    call_microseconds: Several[Positive]  # of them, evenly thinned to some thousands
    energy: Energy
    conditions: Several[dict[str, JsonValue]]  # of each round: counters of noise, clocks, session options, versions
    machine: dict[str, JsonValue]
    finished: str

    @property
    def kind(self) -> Literal["latency", "noise", "tie"]:
        if self.architecture != self.reference:
            return "latency"
        return "noise" if self.onnx_sha256 == self.reference_sha256 else "tie"


class BatchTimed(Record):
    """One batch size of a throughput sweep, timed as a latency is."""

    batch: int
    sessions: Sessions


class ThroughputRecord(KeyedTimes):
    """One network's offline throughput: batches 1, 2, 4 ... interleaved with the reference at the same batch."""

    architecture: str
    reference: str
    how: How  # of the smallest batch
    batches: Several[BatchTimed]
    ended: str  # why no larger batch was timed
    machine: dict[str, JsonValue]
    finished: str


class LatencyComparison(Record):
    """New against baseline ONNX in one run: raw times."""

    what: str  # the rows that deploy it
    how: How
    sessions: Sessions
    architectures: tuple[str, str] | None = None  # of the baseline's file and of the new one
    reason: str | None = None  # why there are no sessions


class NotMeasured(Record):
    """A figure that was asked for and is not there."""

    architecture: str
    how: How
    reason: str
