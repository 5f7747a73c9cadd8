"""What a summary says of the deployed architectures: frozen rows of computed figures. Times in microseconds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from kdbench.results import NotMeasured
from kdbench.results.timings import Energy
from kdbench.spec import How
from kdbench.statistics.percentiles import CallTimes
from kdbench.statistics.ratios import RatioEstimate

Role = Literal["teacher", "student"]


@dataclass(frozen=True)
class Timing:
    """One architecture timed in one way; cold figures are medians over fresh processes."""

    how: How
    times: CallTimes
    ratio: RatioEstimate | None  # to the reference; None for the reference itself
    settled: bool  # whether the interval became as narrow as asked for
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
class NoiseCheck:
    """The reference timed against itself: the ratio is 1, so what is found is the machine's noise."""

    how: How
    ratio: RatioEstimate | None
    trusted: bool  # the interval holds 1, and is narrower than the margin
    lag_1: float | None  # correlation of successive calls
    cpu_share: float | None  # CPU time over wall time, of the worker
    switches: int  # involuntary context switches
    steal_seconds: float | None


@dataclass(frozen=True)
class TieCheck:
    """Two files of one architecture, trained under different losses, timed against each other: they must tie."""

    how: How
    model: str
    losses: tuple[str, str]
    ratio: RatioEstimate | None
    ties: bool | None  # None where the interval is wider than the margin


@dataclass(frozen=True)
class Deployed:
    """An architecture as deployed: what it is, what it costs, and what was not measured about it."""

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


@dataclass(frozen=True)
class ReferenceTiming:
    """The one timing that tables and the Pareto front use for all models, by architecture."""

    how: How
    p50: Mapping[str, float]  # microseconds: of the network that all were timed against, times the ratio to it
    ratio: Mapping[str, RatioEstimate]  # to one network, for all but itself

    def speedup(self, slower: str, faster: str) -> RatioEstimate | None:
        """How many times as long the first architecture takes as the second; None where one was not timed."""
        if slower == faster or not {slower, faster} <= self.p50.keys():
            return None
        above, below = self.ratio.get(slower), self.ratio.get(faster)
        if above and below:
            return above.over(below)
        return above or (below.inverse if below else None)
