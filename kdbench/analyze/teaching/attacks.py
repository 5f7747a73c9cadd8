"""Accuracy under attacks: of each row on the images that mislead its own networks, by how far a pixel may move."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kdbench.analyze.models.evaluations import Found, by_seed, compared
from kdbench.analyze.models.pairs import PairSummary
from kdbench.analyze.models.rows import Bits, ModelRow
from kdbench.results import ResultSet
from kdbench.spec import NamedChoice
from kdbench.spec.conditions import epsilon_of
from kdbench.spec.planning.entry import Role
from kdbench.statistics.crossed import crossed_estimate
from kdbench.statistics.intervals import Estimate
from kdbench.statistics.paired import PairedDifference, crossed_difference

ATTACKS = {"fgsm": "FGSM", "pgd": "PGD"}


@dataclass(frozen=True)
class AttackRow:
    """One row under one kind of attack, by epsilon, of which 0 is the clean images; accuracies from 0 to 1."""

    pair: str
    role: Role
    model: str
    row: str
    attack: str  # 'PGD, 20 steps'
    top1: Mapping[float, Estimate]
    against_alone: Mapping[float, PairedDifference]  # minus the student alone of its kind, by seed and sample


def attack_name(condition: NamedChoice) -> str:
    """What attacks of one kind have in common, without how far they reach and what every condition leads away from."""
    others = {name: value for name, value in condition.options.items() if name not in ("epsilon", "target")}
    steps = others.pop("steps", None)
    words = [ATTACKS.get(condition.use, condition.use)]
    words += [f"{steps} steps"] if steps is not None else []
    return ", ".join([*words, *(f"{name} {value}" for name, value in others.items())])


def attack_rows(pairs: Sequence[PairSummary], results: ResultSet) -> tuple[AttackRow, ...]:
    """Attack by attack, pair by pair, teachers first; none where no attack was evaluated."""
    found: dict[tuple[str, str], Bits] = {}
    kinds: dict[str, dict[float, str]] = {}  # of attacks: the name of each epsilon's condition
    for condition in results.suite.attacks:
        epsilon = epsilon_of(condition.options)
        assert epsilon, "an attack has an epsilon, which is above 0"
        kinds.setdefault(attack_name(condition), {})[epsilon] = condition.label
        for key, trial in results.trials.items():
            if evaluation := results.evaluation(trial.exported.key, condition):
                found[key, condition.label] = evaluation.predictions.correct
    rows = [
        _row(row, alone, attack, dict(sorted(reach.items())), found)
        for attack, reach in kinds.items()
        for row, alone in compared(pairs)
    ]
    return tuple(row for row in rows if len(row.top1) > 1)


def _row(
    row: ModelRow, alone: ModelRow | None, attack: str, reach: Mapping[float, str], found: Found[Bits]
) -> AttackRow:
    top1, against = {0.0: row.top1}, dict[float, PairedDifference]()
    for epsilon, name in reach.items():
        if bits := by_seed(row, found, name):
            top1[epsilon] = crossed_estimate(np.stack(list(bits.values())))
            if difference := crossed_difference(bits, by_seed(alone, found, name)):
                against[epsilon] = difference
    return AttackRow(row.pair, row.role, row.model, row.row, attack, top1, against)
