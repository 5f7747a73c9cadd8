"""Rows over several pairs, of one suite or of several, by the figures of rliable (Agarwal et al. 2021).

Pairs are its tasks, seeds its runs. The score of a run is its retention: the student's test top-1 over its teacher's,
so that 1 is the teacher's level.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kdbench.analyze.models.pairs import PairSummary, teacher_of_seed
from kdbench.analyze.models.rows import Equal, StudentRow
from kdbench.spec import Suite
from kdbench.statistics.ranks import MeanRank, mean_ranks
from kdbench.statistics.resampling import PooledEstimate, stratified_iqm, stratified_mean

Scores = Mapping[int, float]  # by seed


@dataclass(frozen=True)
class AcrossRow:
    """One row over all pairs that have it. Intervals hold for these pairs, teachers and test samples."""

    row: str
    pairs: int
    runs: int  # seeds of all pairs
    equal: Equal  # what gains, wins and verdicts hold for: the cost of training where all pairs tell it, else epochs
    gain: PooledEstimate | None  # interquartile mean over pairs and seeds; None for the student alone
    compared: int  # pairs with a gain
    ahead: int  # of these, pairs where its mean is above 0
    better: int  # of these, pairs where the verdict is 'better'
    rank: MeanRank | None  # by mean retention among the rows of its epochs and tuning that all pairs have
    retention: PooledEstimate  # interquartile mean
    shortfall: PooledEstimate  # optimality gap: mean of 1 - retention, 0 for runs that are above their teacher
    scores: tuple[tuple[float, ...], ...]  # of each pair, by seed

    def share_above(self, retention: float) -> float:
        """The performance profile: the share of runs that keep more than this, each pair counted alike."""
        return float(np.mean([np.mean(np.asarray(pair) > retention) for pair in self.scores]))


def across_rows(pairs: Sequence[tuple[Suite, PairSummary]]) -> tuple[AcrossRow, ...]:
    """One for each row that at least two pairs have, with a teacher, in the order of their coming.

    Each pair is given with its suite. Rows of one name are taken for one.
    """
    found: dict[str, list[tuple[StudentRow, Scores]]] = {}
    for suite, pair in pairs:
        teacher = teacher_of_seed(suite, pair.teacher.test_by_seed) if pair.teacher else {}
        for row in pair.distinct:
            scores = {seed: top1 / teacher[seed] for seed, top1 in row.test_by_seed.items() if teacher.get(seed)}
            if scores:
                found.setdefault(row.row, []).append((row, scores))
    ranked = _ranks({name: rows for name, rows in found.items() if len(rows) == len(pairs)})
    compared = [row for rows in found.values() for row, _ in rows if row.gains]
    equal: Equal = "cost" if all("cost" in row.gains for row in compared) else "epochs"
    return tuple(_across(name, rows, equal, ranked.get(name)) for name, rows in found.items() if len(rows) > 1)


def _across(name: str, rows: Sequence[tuple[StudentRow, Scores]], equal: Equal, rank: MeanRank | None) -> AcrossRow:
    groups = [tuple(scores.values()) for _, scores in rows]
    gains = [gain for row, _ in rows if (gain := row.gains.get(equal))]
    compared = [(gain.difference.estimate, gain.verdict) for gain in gains]
    return AcrossRow(
        row=name,
        pairs=len(rows),
        runs=sum(map(len, groups)),
        equal=equal,
        gain=stratified_iqm([gain.values for gain, _ in compared]) if len(compared) > 1 else None,
        compared=len(compared),
        ahead=sum(gain.mean > 0 for gain, _ in compared),
        better=sum(verdict == "better" for _, verdict in compared),
        rank=rank,
        retention=stratified_iqm(groups),
        shortfall=stratified_mean([[max(1 - score, 0.0) for score in group] for group in groups]),
        scores=tuple(groups),
    )


def _ranks(found: Mapping[str, Sequence[tuple[StudentRow, Scores]]]) -> dict[str, MeanRank]:
    """By row. Rows are ranked with those that were trained for as many epochs and tuned likewise."""
    kinds: dict[tuple[float, bool], list[str]] = {}
    for name, rows in found.items():
        kinds.setdefault((rows[0][0].budget, rows[0][0].tuned), []).append(name)
    ranked: dict[str, MeanRank] = {}
    for names in kinds.values():
        groups = [_table([scores for _, scores in each]) for each in zip(*(found[name] for name in names), strict=True)]
        if len(names) > 1 and all(group.shape[1] for group in groups):
            ranked |= dict(zip(names, mean_ranks(groups), strict=True))
    return ranked


def _table(rows: Iterable[Scores]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """[rows, seeds] over the seeds that all rows have."""
    every = list(rows)
    seeds = sorted(set.intersection(*(set(scores) for scores in every)))
    return np.array([[scores[seed] for seed in seeds] for scores in every], dtype=np.float64).reshape(len(every), -1)
