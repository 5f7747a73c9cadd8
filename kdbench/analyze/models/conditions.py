"""Stability under corruptions: the samples that a model predicts right under every condition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kdbench.analyze.models.evaluations import Found, by_seed, compared, lacking
from kdbench.analyze.models.pairs import PairSummary
from kdbench.analyze.models.rows import Bits, ModelRow
from kdbench.results import ResultSet
from kdbench.spec.planning.entry import Role
from kdbench.statistics.crossed import crossed_estimate
from kdbench.statistics.intervals import Estimate
from kdbench.statistics.paired import PairedDifference, crossed_difference

CLEAN = "clean"
Worst = tuple[str, PairedDifference]


@dataclass(frozen=True)
class ConditionRow:
    """One row under all conditions that were evaluated; accuracies from 0 to 1, over seeds."""

    pair: str
    role: Role
    model: str
    row: str
    clean: Estimate  # top-1 on the test split as it is
    top1: Mapping[str, Estimate]  # by condition; without those that no seed was evaluated under
    lacking: Mapping[str, int]  # seeds without a figure, by condition
    stable: Estimate | None  # share of samples predicted right under every condition, clean included
    against_alone: PairedDifference | None  # that share minus the student alone's, by seed and sample
    worst: Worst | None  # the condition where it loses most to the student alone, and how much


def condition_rows(pairs: Sequence[PairSummary], results: ResultSet) -> tuple[ConditionRow, ...]:
    """Rows pair by pair, teachers first; none where no condition was evaluated.

    'Every condition' means those that any model was evaluated under, for all rows alike: a seed that lacks one has no
    share.
    """
    found: dict[tuple[str, str], Bits] = {}
    for key, trial in results.trials.items():
        for condition in (None, *results.suite.corruptions):
            if evaluation := results.evaluation(trial.exported.key, condition):
                found[key, condition.label if condition else CLEAN] = evaluation.predictions.correct
    names = {name for _, name in found}
    evaluated = [condition.label for condition in results.suite.corruptions if condition.label in names]
    return tuple(_row(row, alone, found, evaluated) for row, alone in compared(pairs)) if evaluated else ()


def _row(row: ModelRow, alone: ModelRow | None, found: Found[Bits], evaluated: Sequence[str]) -> ConditionRow:
    bits = {name: by_seed(row, found, name) for name in evaluated}
    others = {name: by_seed(alone, found, name) for name in evaluated}
    stable = _stable_by_seed(row, found, evaluated)
    return ConditionRow(
        pair=row.pair,
        role=row.role,
        model=row.model,
        row=row.row,
        clean=row.top1,
        top1={name: _estimate(seeds) for name, seeds in bits.items() if seeds},
        lacking=lacking(row, found, evaluated),
        stable=_estimate(stable) if stable else None,
        against_alone=crossed_difference(stable, _stable_by_seed(alone, found, evaluated)),
        worst=_worst(bits, others),
    )


def _worst(mine: Mapping[str, Mapping[int, Bits]], others: Mapping[str, Mapping[int, Bits]]) -> Worst | None:
    """By the means of the seeds that both have; the error is computed of that condition alone."""
    shared = {name: [seed for seed in seeds if seed in others[name]] for name, seeds in mine.items()}
    losses = {
        name: sum(float(mine[name][seed].mean() - others[name][seed].mean()) for seed in seeds) / len(seeds)
        for name, seeds in shared.items()
        if seeds
    }
    name = min(losses, key=losses.__getitem__, default="")
    difference = crossed_difference(mine[name], others[name]) if name else None
    return (name, difference) if difference else None


def _estimate(bits: Mapping[int, Bits]) -> Estimate:
    return crossed_estimate(np.stack(list(bits.values())))


def _stable_by_seed(row: ModelRow | None, found: Found[Bits], evaluated: Sequence[str]) -> dict[int, Bits]:
    """Which samples are right under every condition and clean, of the seeds that have all."""
    every = [by_seed(row, found, name) for name in (CLEAN, *evaluated)]
    seeds = [seed for seed in every[0] if all(seed in each for each in every)]
    return {seed: np.logical_and.reduce([each[seed] for each in every]) for seed in seeds}
