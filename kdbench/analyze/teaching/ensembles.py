"""Ensembles of teachers: each teacher, the ensemble itself as a network, and the students of both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kdbench.analyze.models.rows import Bits, Timed
from kdbench.results import ResultSet
from kdbench.spec import Entry, Trial
from kdbench.statistics.crossed import crossed_estimate
from kdbench.statistics.intervals import Estimate, estimate
from kdbench.statistics.paired import PairedDifference, crossed_difference


@dataclass(frozen=True)
class Figures:
    """What is known of some trained networks of one kind; accuracies 0 to 1."""

    networks: int
    validation: Estimate
    top1: Estimate | None  # on test; None where none of them was evaluated there
    parameters: int | None
    flops: int | None  # of one sample
    microseconds: float | None  # of one call, as models are ordered by
    correct: Mapping[int, Bits]  # test samples predicted right, by seed


@dataclass(frozen=True)
class Taught:
    """Students of one loss under one ensemble, against those of the single teacher that is best on validation."""

    row: str
    loss: str
    model: str
    student: Figures
    single: Figures | None  # None where no student of that teacher was trained at any seed
    gain: PairedDifference | None  # the ensemble's student minus the single teacher's


@dataclass(frozen=True)
class Team:
    """Teachers that teach together in one pair."""

    pair: str
    teachers: tuple[tuple[str, Figures], ...]  # with their models, in order
    ensembles: tuple[tuple[str, Figures], ...]  # with what of their outputs the mean is taken of
    students: tuple[Taught, ...]


Names = tuple[str, ...]


def teams(results: ResultSet, timed: Timed) -> tuple[Team, ...]:
    """One for each group of teachers of which the suite asks for the ensemble itself, in the suite's order."""
    if not any(entry.role == "ensemble" for entry in results.run.entries):
        return ()
    trials = {key: record.trial for key, record in results.records.items()}
    entries = [entry for entry in results.run.entries if entry.key in trials]
    models = {entry.key: entry.model for entry in entries if entry.role in ("teacher", "member")}
    found: dict[tuple[str, Names], dict[str, None]] = {}
    for entry in entries:
        starts = trials[entry.key].start
        if entry.role == "ensemble" and all(key in models for key in starts):
            found.setdefault((entry.pair, tuple(models[key] for key in starts)), {})[entry.key] = None
    return tuple(
        Team(
            pair=pair,
            teachers=tuple(
                (name, figures([trials[key].start[number] for key in keys], results, timed))
                for number, name in enumerate(names)
            ),
            ensembles=tuple(
                (combine, figures([key for key in keys if trials[key].combine == combine], results, timed))
                for combine in dict.fromkeys(str(trials[key].combine) for key in keys)
            ),
            students=_students(pair, names, models, trials, entries, results, timed),
        )
        for (pair, names), keys in found.items()
    )


def figures(keys: Sequence[str], results: ResultSet, timed: Timed, seeds: Sequence[int] = ()) -> Figures:
    """Of trained networks by their keys, each once; `seeds` are those of their rows, by default counted on."""
    known = dict(zip(keys, seeds or range(len(keys)), strict=True))
    tested = {seed: results.trials[key] for key, seed in known.items() if key in results.trials}
    correct = {seed: result.test.correct for seed, result in tested.items()}
    model = next((result.model for result in tested.values()), None)
    return Figures(
        networks=len(known),
        validation=estimate([results.records[key].validation_top1 for key in known]),
        top1=crossed_estimate(np.stack(list(correct.values()))) if correct else None,
        parameters=model.parameters if model else None,
        flops=model.flops if model else None,
        microseconds=timed.reference.scaled(model.architecture) if model and timed.reference else None,
        correct=correct,
    )


def _students(
    pair: str,
    names: Names,
    models: Mapping[str, str],
    trials: Mapping[str, Trial],
    entries: Sequence[Entry],
    results: ResultSet,
    timed: Timed,
) -> tuple[Taught, ...]:
    """The rows of a pair whose students learn from teachers of these names together."""
    mine = [entry for entry in entries if entry.pair == pair and entry.key in results.trials]
    rows: dict[str, list[Entry]] = {}
    for entry in mine:
        if entry.role == "student" and tuple(models.get(key, "") for key in trials[entry.key].teachers) == names:
            rows.setdefault(entry.row, []).append(entry)
    singles = {
        (entry.loss, entry.seed, *trials[entry.key].teachers): entry.key
        for entry in mine
        if len(trials[entry.key].teachers) == 1
    }
    return tuple(_taught(row, group, trials, singles, results, timed) for row, group in rows.items())


def _taught(
    row: str,
    group: Sequence[Entry],
    trials: Mapping[str, Trial],
    singles: Mapping[tuple[object, ...], str],
    results: ResultSet,
    timed: Timed,
) -> Taught:
    best = {}
    for entry in group:
        teacher = max(trials[entry.key].teachers, key=lambda key: results.records[key].validation_top1)
        if (entry.loss, entry.seed, teacher) in singles:
            best[entry.seed] = singles[entry.loss, entry.seed, teacher]
    student = figures([entry.key for entry in group], results, timed, [entry.seed for entry in group])
    single = figures(list(best.values()), results, timed, list(best)) if best else None
    gain = crossed_difference(student.correct, single.correct) if single else None
    return Taught(row, group[0].loss, group[0].model, student, single, gain)
