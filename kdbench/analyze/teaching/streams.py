"""Streams: what each row's networks know of every task, time after time, and what they forgot."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from kdbench.analyze.models.pairs import PairSummary
from kdbench.analyze.models.rows import StudentRow
from kdbench.results import ResultSet
from kdbench.spec import Entry
from kdbench.statistics.intervals import Estimate, estimate
from kdbench.statistics.paired import PairedDifference, paired_difference
from kdbench.statistics.teaching.streams import (
    Matrix,
    average_accuracy,
    backward_transfer,
    forgetting,
    forward_transfer,
)

Scenario = Literal["class", "task"]
Figure = Literal["average", "forgetting", "backward", "forward"]


@dataclass(frozen=True)
class StreamRow:
    """One row under one scenario: among the classes of all tasks so far ("class"), or of each task apart ("task").

    Accuracies and figures of them from 0 to 1. A row that was trained on all tasks at once has no matrix.
    """

    pair: str
    role: str
    model: str
    row: str
    scenario: Scenario
    tasks: tuple[str, ...]
    matrix: Matrix | None  # [time, task], mean over seeds; NaN where there is no figure
    figures: Mapping[Figure, Estimate]
    against_alone: Mapping[Figure, PairedDifference]  # minus the student alone under the same way, by seed


def stream_rows(pairs: Sequence[PairSummary], results: ResultSet) -> tuple[StreamRow, ...]:
    """Scenario by scenario and pair by pair, with joint training first; none where no row is a stream."""
    rows: list[StreamRow] = []
    for scenario in ("class", "task"):
        for pair in pairs:
            matrices = {row.row: _matrices(row, results, scenario) for row in pair.students}
            streams = [row for row in pair.students if matrices[row.row]]
            if streams and scenario == "class":
                rows += _joint(pair, matrices)
            rows += [_row(row, pair.alone_like(row), matrices, results, scenario) for row in streams]
    return tuple(rows)


def _joint(pair: PairSummary, matrices: Mapping[str, object]) -> Iterator[StreamRow]:
    """The student alone on all tasks at once: the bound above."""
    if pair.alone and not matrices[pair.alone.row]:
        row = pair.alone
        yield StreamRow(row.pair, row.role, row.model, row.row, "class", (), None, {"average": row.top1}, {})


def _tasks(row: StudentRow, results: ResultSet) -> tuple[str, ...]:
    """The tasks of a row's students; none where they are no stream."""
    key = row.seeds[0].key
    return results.records[key].trial.answering


def _row(
    row: StudentRow,
    alone: StudentRow | None,
    matrices: Mapping[str, Mapping[int, tuple[Matrix, Matrix]]],
    results: ResultSet,
    scenario: Scenario,
) -> StreamRow:
    own, other = (_figures(matrices[each.row]) if each else {} for each in (row, alone))
    figures = {name: found for name, values in own.items() if (found := estimate(list(values.values())))}
    against = {
        name: less
        for name, values in own.items()
        if alone and alone.row != row.row and (less := paired_difference(values, other.get(name, {})))
    }
    mean = np.mean([matrix for matrix, _ in matrices[row.row].values()], axis=0)
    tasks = _tasks(row, results)
    return StreamRow(row.pair, row.role, row.model, row.row, scenario, tasks, mean, figures, against)


def _figures(matrices: Mapping[int, tuple[Matrix, Matrix]]) -> dict[Figure, dict[int, float]]:
    """By figure and seed; without those that are not defined."""
    found: dict[Figure, dict[int, float]] = {}
    for seed, (matrix, untrained) in matrices.items():
        values: dict[Figure, float] = {
            "average": average_accuracy(matrix),
            "forgetting": forgetting(matrix),
            "backward": backward_transfer(matrix),
            "forward": forward_transfer(matrix, untrained[0]),
        }
        for name, value in values.items():
            if not np.isnan(value):
                found.setdefault(name, {})[seed] = value
    return found


def _matrices(row: StudentRow, results: ResultSet, scenario: Scenario) -> dict[int, tuple[Matrix, Matrix]]:
    """By seed: accuracies by time [T, T], and of the untrained network [1, T]; of seeds whose stages are all there."""
    tasks = _tasks(row, results)
    found: dict[int, tuple[Matrix, Matrix]] = {}
    entries = [e for e in results.run.entries if (e.pair, e.row) == (row.pair, row.row)] if tasks else []
    for seed in dict.fromkeys(entry.seed for entry in entries):
        table = np.full((len(tasks) + 1, len(tasks)), np.nan)
        for entry in entries:
            if entry.seed == seed and entry.role in ("stage", "student") and entry.key in results.trials:
                for task, accuracy in _accuracies(entry, results, scenario):
                    table[entry.position, tasks.index(task)] = accuracy
        if not np.isnan(table[1:][np.tri(len(tasks), dtype=bool)]).any():
            found[seed] = table[1:], table[:1]
    return found


def _accuracies(entry: Entry, results: ResultSet, scenario: Scenario) -> Iterator[tuple[str, float]]:
    """On each task that a network has a head for. One with the head of a later task answers where the task is known."""
    trial, position = results.records[entry.key].trial, entry.position
    if not trial.answering:
        (head,) = trial.deploys
        if scenario == "task" or head == trial.heads[position - 1].name:
            yield head, results.trials[entry.key].test.top1
        return
    for head, evaluation in results.by_head.get(entry.key, {}).items():
        if scenario == "task":
            yield head, evaluation.predictions.top1
        elif position and evaluation.top1_among_all is not None:
            yield head, evaluation.top1_among_all
