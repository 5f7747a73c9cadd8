"""The gain of each loss over the student alone: at equal epochs, and at equal cost.

Distilling takes two to three times as long as training the student alone for as many epochs. So the student alone is
trained at several budgets, and each loss is compared with what it is after as many seconds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import log

import numpy as np

from kdbench.analyze.models.cost import TrainingFigures
from kdbench.analyze.models.rows import Equal, Gain, ModelRow, StudentRow
from kdbench.statistics.crossed import Table
from kdbench.statistics.gap import GapClosed, gap_closed
from kdbench.statistics.paired import PairedDifference, crossed_difference, holm
from kdbench.statistics.verdicts import ALPHA, Word, family_verdicts

COSTS: Mapping[Equal, Callable[[TrainingFigures], float]] = {
    "cost": lambda training: training.alone_seconds,
    "shared cost": lambda training: training.shared_seconds,
}


@dataclass(frozen=True)
class Rival:
    """The student alone as a loss is compared with it."""

    scores: Mapping[int, Table]  # of each test sample, by seed: between 0 and 1 where it lies between two budgets
    reach: float = 1.0  # the cost of its longest training over the cost asked for; at most 1


def compare_with_alone(
    rows: Sequence[StudentRow], turns: Mapping[int, float], label: str | None, by_cost: bool
) -> tuple[StudentRow, ...]:
    """Each row with its gains over the student alone of its kind, and the gap that it closes.

    `label` is the loss of the student alone. Without `by_cost`, gains are at equal epochs only.
    """
    rows = [replace(row, alone=row.loss == label) for row in rows]
    others = [row for row in rows if not row.alone]
    found = {row.name: dict[Equal, Gain]() for row in rows}
    for equal in ("epochs", *(COSTS if by_cost else ())):
        rivals = {row.name: rival for row in others if (rival := _rival(row, rows, equal))}
        differences = {
            row.name: difference
            for row in others
            if row.name in rivals and (difference := crossed_difference(row.scores, rivals[row.name].scores))
        }
        unstable = {row.name for row in others if row.unstable}
        for name, (holm_p, word) in judge_family(differences, unstable).items():
            found[name][equal] = Gain(equal, differences[name], holm_p, word, rivals[name].reach)
    return tuple(replace(row, gains=found[row.name], gap=_gap(row, rows, turns)) for row in rows)


def judge_family(
    differences: Mapping[tuple[str, str, str], PairedDifference], unstable: set[tuple[str, str, str]]
) -> dict[tuple[str, str, str], tuple[float | None, Word]]:
    """Of each difference, by the name of its row: Holm's p of no difference, and the verdict, both in this family.

    Where nothing is shown against the margin, the p-value may still show that there is a difference: above 0, or below.
    """
    p_values = [1.0 if each.p_value is None else each.p_value for each in differences.values()]
    verdicts = family_verdicts([None if name in unstable else each.estimate for name, each in differences.items()])
    return {
        name: (None if difference.p_value is None else p, _word(verdict.word, difference, p))
        for (name, difference), p, verdict in zip(differences.items(), holm(p_values), verdicts, strict=True)
    }


def _word(word: Word, difference: PairedDifference, p: float) -> Word:
    if word != "undecided" or p > ALPHA or not difference.claims:
        return word
    return "above 0" if difference.estimate.mean > 0 else "below 0"


def _rival(row: StudentRow, rows: Sequence[StudentRow], equal: Equal) -> Rival | None:
    """The student alone of the row's kind, at its epochs or after training of its cost; None where there is none."""
    if equal == "epochs":
        same = alone_like(row, rows)
        return Rival(same.scores) if same else None
    kind, cost = _alone_kind(row, rows), COSTS[equal]
    return alone_at(cost(row.training), [(cost(each.training), each) for each in kind]) if len(kind) > 1 else None


def alone_like(row: ModelRow, rows: Sequence[StudentRow]) -> StudentRow | None:
    """The student alone of the row's kind that was trained for as many epochs."""
    return next((each for each in _alone_kind(row, rows) if each.budget == row.budget), None)


def _alone_kind(row: ModelRow, rows: Sequence[StudentRow]) -> list[StudentRow]:
    """The student alone at its budgets: tuned where the row was, and of the same way of teaching where that has one.

    Else it is the plain one, which has no way of teaching.
    """
    alone = [each for each in rows if each.alone and each.tuned == row.tuned]
    return [each for each in alone if each.teaching == row.teaching] or [each for each in alone if not each.teaching]


def alone_at(cost: float, budgets: Sequence[tuple[float, ModelRow]]) -> Rival:
    """The student alone after training of this cost, from its cost at each budget.

    Between two budgets its scores are interpolated, seed by seed and sample by sample, linearly in the logarithm of the
    cost. Outside it is the nearest budget.
    """
    rising = sorted(budgets, key=lambda each: each[0])
    (least, first), (most, last) = rising[0], rising[-1]
    if cost <= least:
        return Rival(first.scores)
    if cost >= most:
        return Rival(last.scores, most / cost)
    (below, short), (above, long) = next(
        (left, right) for left, right in pairwise(rising) if left[0] <= cost < right[0]
    )
    share = log(cost / below) / log(above / below)
    less, more = short.scores, long.scores
    seeds = [seed for seed in less if seed in more]
    return Rival({seed: (1 - share) * less[seed] + share * np.asarray(more[seed], np.float64) for seed in seeds})


def _gap(row: StudentRow, rows: Sequence[StudentRow], turns: Mapping[int, float]) -> GapClosed | None:
    same = None if row.alone else alone_like(row, rows)
    return gap_closed(row.test_by_seed, same.test_by_seed, turns) if same else None
