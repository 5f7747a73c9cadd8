"""Stability under corruptions: the samples that a model predicts right under every condition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kdbench.analyze.models.pairs import PairSummary
from kdbench.analyze.models.rows import ModelRow
from kdbench.results import ResultSet, TrialResult
from kdbench.spec import NamedChoice
from kdbench.spec.plan import Role
from kdbench.statistics.intervals import Estimate, estimate
from kdbench.statistics.paired import PairedDifference, paired_difference

Bits = NDArray[np.bool_]


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
    against_alone: PairedDifference | None  # that share minus the student alone's, by seed


def condition_rows(
    pairs: Sequence[PairSummary], results: ResultSet, asked: Sequence[NamedChoice]
) -> tuple[ConditionRow, ...]:
    """Rows pair by pair, teachers first; none where no condition was evaluated.

    'Every condition' means those that any model was evaluated under, for all rows alike: a seed that lacks one has no
    share.
    """
    trials = results.trials
    found = {
        (key, condition.label): evaluation.predictions.correct
        for key, trial in trials.items()
        for condition in asked
        if (evaluation := results.evaluation(trial.exported.key, condition))
    }
    evaluated = tuple(c.label for c in asked if any(c.label == name for _, name in found))
    if not evaluated:
        return ()
    alone = {pair.pair: _stable_by_seed(pair.alone, trials, found, evaluated) if pair.alone else {} for pair in pairs}
    return tuple(
        _row(row, trials, found, evaluated, {} if row.role == "teacher" or row is pair.alone else alone[pair.pair])
        for pair in pairs
        for row in pair.models
    )


def _row(
    row: ModelRow,
    trials: Mapping[str, TrialResult],
    found: Mapping[tuple[str, str], Bits],
    evaluated: Sequence[str],
    alone: Mapping[int, float],
) -> ConditionRow:
    by_name = {name: [found[s.key, name] for s in row.seeds if (s.key, name) in found] for name in evaluated}
    stable = _stable_by_seed(row, trials, found, evaluated)
    return ConditionRow(
        pair=row.pair,
        role=row.role,
        model=row.model,
        row=row.row,
        clean=row.top1,
        top1={name: estimate([float(bits.mean()) for bits in seeds]) for name, seeds in by_name.items() if seeds},
        lacking={name: len(row.seeds) - len(seeds) for name, seeds in by_name.items() if len(seeds) < len(row.seeds)},
        stable=estimate(list(stable.values())) if stable else None,
        against_alone=paired_difference(stable, alone),
    )


def _stable_by_seed(
    row: ModelRow,
    trials: Mapping[str, TrialResult],
    found: Mapping[tuple[str, str], Bits],
    evaluated: Sequence[str],
) -> dict[int, float]:
    """The share of samples right under every condition and clean, of the seeds that have all."""
    shares = {}
    for seed in row.seeds:
        if all((seed.key, name) in found for name in evaluated):
            everywhere = trials[seed.key].test.correct.copy()
            for name in evaluated:
                everywhere &= found[seed.key, name]
            shares[seed.seed] = float(everywhere.mean())
    return shares
