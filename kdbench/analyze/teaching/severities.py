"""Accuracy by severity: of each row under conditions that differ in how strong one corruption is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np

from kdbench.analyze.models.evaluations import Found, by_seed, compared
from kdbench.analyze.models.pairs import PairSummary
from kdbench.analyze.models.rows import Bits, ModelRow
from kdbench.results import ResultSet
from kdbench.spec import NamedChoice, Suite
from kdbench.spec.planning.entry import Role
from kdbench.statistics.crossed import crossed_estimate
from kdbench.statistics.intervals import Estimate
from kdbench.statistics.paired import PairedDifference, crossed_difference


@dataclass(frozen=True)
class SeverityRow:
    """One row under one corruption, by its severity, of which 0 is the clean images; accuracies from 0 to 1."""

    pair: str
    role: Role
    model: str
    row: str
    view: str  # that corrupts the images
    option: str  # which of its options says how much
    top1: Mapping[float, Estimate]
    against_alone: Mapping[float, PairedDifference]  # minus the student alone of its kind, by seed and sample


def severity_rows(pairs: Sequence[PairSummary], results: ResultSet) -> tuple[SeverityRow, ...]:
    """Corruption by corruption, pair by pair, teachers first; none where each corruption has one severity.

    Attacks have a section of their own.
    """
    found: dict[tuple[str, str], Bits] = {}
    for condition in results.suite.conditions:
        for key, trial in results.trials.items():
            if evaluation := results.evaluation(trial.exported.key, condition):
                found[key, condition.label] = evaluation.predictions.correct
    return tuple(
        _row(row, alone, (view, option), names, found)
        for view, option, names in _severities(results.suite)
        for row, alone in compared(pairs)
    )


def _severities(suite: Suite) -> Iterator[tuple[str, str, Mapping[float, str]]]:
    """Of each view that several conditions use with one option changed: that option, and their names by its value."""
    attacks = {condition.label for condition in suite.attacks}
    groups: dict[str, list[NamedChoice]] = {}
    for condition in suite.conditions:
        if condition.label not in attacks:
            groups.setdefault(condition.use, []).append(condition)
    for view, members in groups.items():
        options = {name for each in members for name in each.options}
        changed = [name for name in options if len({str(each.options.get(name)) for each in members}) > 1]
        values = [each.options.get(changed[0]) for each in members] if len(changed) == 1 else []
        levels = {float(value): each.label for value, each in zip(values, members, strict=False) if _is_number(value)}
        if len(levels) == len(members):
            yield view, changed[0], dict(sorted(levels.items()))


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _row(
    row: ModelRow, alone: ModelRow | None, corruption: tuple[str, str], names: Mapping[float, str], found: Found[Bits]
) -> SeverityRow:
    top1, against = {0.0: row.top1}, dict[float, PairedDifference]()
    if alone and (clean := crossed_difference(row.scores, alone.scores)):
        against[0.0] = clean
    for level, name in names.items():
        if bits := by_seed(row, found, name):
            top1[level] = crossed_estimate(np.stack(list(bits.values())))
            if difference := crossed_difference(bits, by_seed(alone, found, name)):
                against[level] = difference
    return SeverityRow(row.pair, row.role, row.model, row.row, *corruption, top1, against)
