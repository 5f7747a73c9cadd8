"""The noise of the machine: the reference timed against itself, and files of one architecture that must tie."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from kdbench.results import LatencyRecord
from kdbench.results.timings import slice_p50s
from kdbench.spec import Entry, How
from kdbench.statistics.ratios import RatioEstimate, estimate_ratio


@dataclass(frozen=True)
class NoiseCheck:
    """The reference timed against itself: the true ratio is 1, so any deviation is noise of the machine."""

    how: How
    ratio: RatioEstimate | None
    trusted: bool  # the interval contains 1 and is narrower than the margin
    lag_1: float | None  # correlation of successive calls
    cpu_share: float | None  # CPU time over wall time, of the worker
    switches: int  # involuntary context switches
    steal_seconds: float | None


@dataclass(frozen=True)
class TieCheck:
    """Two files of one architecture, trained under different losses, timed against each other: they must tie."""

    how: How
    model: str
    rows: tuple[str, str]
    ratio: RatioEstimate | None
    ties: bool | None  # None where the interval is wider than the margin


def check_noise(latencies: Sequence[LatencyRecord], margin: float) -> tuple[NoiseCheck, ...]:
    """The reference against itself, one row for each way of timing."""
    return tuple(_noise(record, margin) for record in latencies if record.kind == "noise")


def _noise(record: LatencyRecord, margin: float) -> NoiseCheck:
    ratio = estimate_ratio(slice_p50s(record.sessions))

    def each(name: str) -> list[float]:
        return [value for facts in record.conditions if isinstance(value := facts.get(name), int | float)]

    cpu, wall, lags, steal = (
        each("cpu_seconds"),
        each("wall_seconds"),
        each("lag_1_autocorrelation"),
        each("steal_seconds"),
    )
    return NoiseCheck(
        how=record.how,
        ratio=ratio,
        trusted=ratio is not None and ratio.low <= 1 <= ratio.high and ratio.high - ratio.low < margin,
        lag_1=fmean(lags) if lags else None,
        cpu_share=sum(cpu) / sum(wall) if sum(wall) else None,
        switches=round(sum(each("involuntary_context_switches"))),
        steal_seconds=sum(steal) if steal else None,
    )


def check_ties(latencies: Sequence[LatencyRecord], files: Mapping[str, Entry], margin: float) -> tuple[TieCheck, ...]:
    """Students of one architecture under different losses; `files` maps the SHA-256 of an ONNX file to its entry."""
    found = []
    for record in latencies:
        mine, other = files.get(record.onnx_sha256), files.get(record.reference_sha256)
        if record.kind != "tie" or mine is None or other is None:
            continue
        ratio = estimate_ratio(slice_p50s(record.sessions), looks=1)
        differs = ratio is not None and not (ratio.low <= 1 + margin and ratio.high >= 1 - margin)
        same = ratio is not None and ratio.low >= 1 - margin and ratio.high <= 1 + margin
        ties = False if differs else True if same else None
        found.append(TieCheck(record.how, mine.model, (mine.row, other.row), ratio, ties))
    return tuple(found)
