"""The gain of each loss over the student alone: in its pair, and pooled over several pairs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kdbench.analyze.models.rows import StudentRow
from kdbench.statistics.gap import gap_closed
from kdbench.statistics.paired import PairedDifference, holm, paired_difference
from kdbench.statistics.resampling import PooledEstimate, stratified_iqm
from kdbench.statistics.verdicts import family_verdicts


@dataclass(frozen=True)
class PooledGain:
    """The interquartile mean of one row's gains, over the seeds of all pairs that have one; accuracies 0 to 1."""

    row: str
    estimate: PooledEstimate


def compare_with_alone(
    rows: Sequence[StudentRow], turns: Mapping[int, float], label: str | None
) -> tuple[StudentRow, ...]:
    """Each row with its gain over the student alone, Holm's p-value over the pair's rows, and the gap closed."""
    alone = next((row for row in rows if row.row == label), None)
    if alone is None:
        return tuple(rows)
    others = [row for row in rows if row is not alone]
    gains = {row.row: paired_difference(row.test_by_seed, alone.test_by_seed) for row in others}
    tested = {row: gain.p_value for row, gain in gains.items() if gain and gain.p_value is not None}
    adjusted = dict(zip(tested, holm(list(tested.values())), strict=True))
    verdicts = family_verdicts([gain.estimate if gain else None for gain in gains.values()])
    words = dict(zip(gains, verdicts, strict=True))
    gaps = {row.row: gap_closed(row.test_by_seed, alone.test_by_seed, turns) for row in others}
    return tuple(
        replace(
            row,
            alone=row is alone,
            gain=gains.get(row.row),
            holm_p=adjusted.get(row.row),
            verdict=words[row.row].word if gains.get(row.row) else None,
            gap=gaps.get(row.row),
        )
        for row in rows
    )


def pooled_gains(gains: Sequence[tuple[str, PairedDifference | None]]) -> tuple[PooledGain, ...]:
    """One figure per row with a gain in at least two pairs; `gains` are by row, one for each pair."""
    groups: dict[str, list[tuple[float, ...]]] = {}
    for row, gain in gains:
        if gain:
            groups.setdefault(row, []).append(gain.estimate.values)
    return tuple(PooledGain(row, stratified_iqm(values)) for row, values in groups.items() if len(values) > 1)
