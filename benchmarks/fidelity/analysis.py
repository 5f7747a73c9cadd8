"""Ratios of latencies, one for each repeat: the median over the interleaved measurements within it."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.harness import Content, Unit

WITHIN = 0.02  # of the bare loop's median, and of LoadGen's
OVERHEAD = 0.01  # of the whole time of a call that takes about 1 ms


@dataclass(frozen=True)
class Ratio:
    """kdbench's figure divided by another, for each repeat; `low` and `high` are the limits of the goal, if any."""

    what: str
    network: str
    microseconds: float  # kdbench's figure
    values: tuple[float, ...]
    low: float | None = None
    high: float | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def met(self) -> str:
        """Whether the goal holds in every repeat, only in the median, or not."""
        low, high = self.low or 0.0, self.high
        if high is None:
            return "no goal"
        if all(low <= value <= high for value in self.values):
            return "yes"
        return "in the median" if low <= self.median <= high else "no"


def ratios(content: Content) -> Iterator[Ratio]:
    """Every measured ratio, network by network."""
    for network in content["networks"]:
        inside = _units(content, "inside", network)
        if inside:
            own = _median(unit["kdbench_p50"] for unit in inside)
            values = _over(inside, "kdbench_p50", "clocked_p50")
            yield Ratio("median / bare loop's, same process", network, own, values, 1 - WITHIN, 1 + WITHIN)
        if apart := _units(content, "apart", network):
            own = statistics.median(unit["worker"]["p50"] for unit in apart)
            values = tuple(unit["worker"]["p50"] / unit["bare"]["p50"] for unit in apart)
            yield Ratio("worker's median / bare process's", network, own, values, 1 - WITHIN, 1 + WITHIN)
        if loadgen := _units(content, "loadgen", network):
            own = _median(unit["kdbench"] for unit in loadgen)
            yield Ratio("median / LoadGen's as it is", network, own, _over(loadgen, "kdbench", "loadgen"))
            for way, text in (("idle", "less a no-op's"), ("busy", "less a no-op's beside the network")):
                values = _over(loadgen, "kdbench", "loadgen", way)
                yield Ratio(f"median / LoadGen's {text}", network, own, values, 1 - WITHIN, 1 + WITHIN)
            within = _over(loadgen, "kdbench", "within")
            yield Ratio("median / the network's alone, within LoadGen's queries", network, own, within)
        if inside:
            own = _median(unit["kdbench_per_call"] for unit in inside)
            values = _over(inside, "kdbench_per_call", "bare_per_call")
            high = 1 + OVERHEAD if network == "medium" else None
            yield Ratio("whole time per call / unclocked loop's", network, own, values, high=high)


def _units(content: Content, measure: str, network: str) -> list[Unit]:
    return [unit for name, unit in content["units"].items() if name.startswith(f"{measure}/{network}/")]


def _median(several: Iterator[Sequence[float]]) -> float:
    return statistics.median(value for values in several for value in values)


def _over(units: Sequence[Unit], own: str, other: str, less: str | None = None) -> tuple[float, ...]:
    """Of each unit, the median over its rounds of own / (other - less)."""
    found = []
    for unit in units:
        taken = unit[less] if less else [0.0] * len(unit[own])
        rounds = zip(unit[own], unit[other], taken, strict=True)
        found.append(statistics.median(one / (two - off) for one, two, off in rounds))
    return tuple(found)
