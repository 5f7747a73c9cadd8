"""Students of several tasks: per task the teacher, students of that task alone, and the joint student."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from kdbench.analyze.models.pairs import PairSummary
from kdbench.analyze.models.rows import Bits, StudentRow
from kdbench.results import ResultSet
from kdbench.statistics.crossed import crossed_estimate
from kdbench.statistics.intervals import Estimate
from kdbench.statistics.paired import PairedDifference, crossed_difference

Kind = Literal["teacher", "single", "joint"]
Networks = dict[tuple[str, Kind], dict[int, Bits]]  # by task and kind, then seed: which test samples are right


@dataclass(frozen=True)
class TaskRow:
    """A network for one task; accuracies from 0 to 1, over seeds and test samples."""

    pair: str
    role: str
    model: str
    row: str
    task: str
    kind: Kind
    top1: Estimate
    against_alone: PairedDifference | None  # minus the student of that task alone that learnt from labels
    against_single: PairedDifference | None  # of a joint student, minus that of the task alone under its loss


def task_rows(pairs: Sequence[PairSummary], results: ResultSet) -> tuple[TaskRow, ...]:
    """Pair by pair and task by task, teachers first; none where no student has several tasks."""
    return tuple(row for pair in pairs for row in _rows(pair, results))


def _rows(pair: PairSummary, results: ResultSet) -> Iterator[TaskRow]:
    networks = {row.row: (row, found) for row in pair.students if (found := _networks(pair, row, results))}
    told = set[str]()  # tasks whose teacher, which all losses have in common, has its line
    for task in dict.fromkeys(task for _, found in networks.values() for task, _ in found):
        for kind in get_args(Kind):
            for row, found in networks.values():
                bits = found.get((task, kind))
                if not bits or (kind == "teacher" and task in told):
                    continue
                if kind == "teacher":
                    told.add(task)
                alone = networks.get(other.row) if (other := pair.alone_like(row)) else None
                labels = alone[1].get((task, "single")) if alone and kind != "teacher" else None
                yield TaskRow(
                    pair=row.pair,
                    role="teacher" if kind == "teacher" else row.role,
                    model=row.model,
                    row=row.row,
                    task=task,
                    kind=kind,
                    top1=crossed_estimate(np.stack(list(bits.values()))),
                    against_alone=_minus(bits, labels),
                    against_single=_minus(bits, found.get((task, "single")) if kind == "joint" else None),
                )


def _networks(pair: PairSummary, row: StudentRow, results: ResultSet) -> Networks:
    """The networks of a row whose student has a head a task, at seeds that did not collapse; none of any other row."""
    student = results.records[row.seeds[0].key].trial
    if len(student.deploys) != 1 or not any(head.groups for head in student.heads):
        return {}
    (main,) = student.deploys
    found: Networks = {(main, "teacher"): dict(pair.teacher.scores)} if pair.teacher and student.teachers else {}
    for entry in results.run.entries:
        own = (entry.pair, entry.row) == (row.pair, row.row) and entry.role in ("stage", "student")
        if own and entry.key in results.trials and entry.seed in row.learned:
            trial = results.records[entry.key].trial
            kind: Kind = "joint" if len(trial.heads) > 1 else "single" if trial.model == student.model else "teacher"
            (task,) = trial.deploys or [head.name for head in trial.heads] or [main]
            seed = trial.seed if kind == "teacher" else entry.seed  # a teacher may teach at several seeds
            found.setdefault((task, kind), {})[seed] = results.trials[entry.key].test.correct
    return found


def _minus(bits: Mapping[int, Bits], others: Mapping[int, Bits] | None) -> PairedDifference | None:
    return crossed_difference(bits, others) if others and others is not bits else None
