"""What a loss gains over several pairs together."""

from collections.abc import Sequence
from dataclasses import dataclass

from kdbench.statistics.paired import PairedDifference
from kdbench.statistics.resampling import PooledEstimate, stratified_iqm


@dataclass(frozen=True)
class PooledGain:
    """The interquartile mean of one loss's gains, over the seeds of all pairs that have one; accuracies 0 to 1."""

    loss: str
    estimate: PooledEstimate


def pooled_gains(gains: Sequence[tuple[str, PairedDifference | None]]) -> tuple[PooledGain, ...]:
    """One row per loss that gains, or loses, in at least two pairs; `gains` by loss, one for each pair."""
    groups: dict[str, list[tuple[float, ...]]] = {}
    for loss, gain in gains:
        if gain:
            groups.setdefault(loss, []).append(gain.estimate.values)
    return tuple(PooledGain(loss, stratified_iqm(values)) for loss, values in groups.items() if len(values) > 1)
