"""A pair: its teacher, and its students under each loss and way of teaching against each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kdbench.analyze.models.cost import ranks
from kdbench.analyze.models.gains import compare_with_alone
from kdbench.analyze.models.rows import Done, ModelRow, StudentRow, Timed, model_figures, student_row
from kdbench.spec import Suite
from kdbench.spec.planning.entry import ALONE, SINGLE
from kdbench.statistics.spread import brown_forsythe


@dataclass(frozen=True)
class PairSummary:
    """A teacher and its students, row by row; the teacher is None where none finished."""

    pair: str
    teacher: ModelRow | None
    students: tuple[StudentRow, ...]
    spread_test: tuple[float, float] | None  # F and p of 'all rows spread alike' (Brown-Forsythe)

    @property
    def models(self) -> tuple[ModelRow, ...]:
        """The teacher, where there is one, and the students."""
        return ((self.teacher,) if self.teacher else ()) + self.students

    @property
    def alone(self) -> StudentRow | None:
        return next((row for row in self.students if row.alone), None)


def summarize_pair(pair: str, suite: Suite, done: Sequence[Done], timed: Timed) -> PairSummary:
    """One row per loss and way of teaching with a result, in the suite's order; `front` is set later."""
    mine = [(entry, record) for entry, record in done if entry.pair == pair]
    taught = [(entry, record) for entry, record in mine if entry.role == "teacher"]
    teacher = ModelRow(**model_figures(taught, timed)) if taught else None
    teacher_by_seed = {entry.seed: record.test.top1 for entry, record in taught}
    turns = teacher_of_seed(suite, teacher_by_seed)
    groups: dict[str, list[Done]] = {}
    for entry, record in mine:
        if entry.role == "student":
            groups.setdefault(entry.row, []).append((entry, record))
    rows = [student_row(group, teacher, turns, timed) for group in groups.values()]
    students = _rank_costs(compare_with_alone(rows, turns, loss_alone(suite)))
    return PairSummary(pair, teacher, students, brown_forsythe([row.top1.values for row in students]))


def loss_alone(suite: Suite) -> str | None:
    """The label of the loss that trains the student on labels alone."""
    return next((loss.label for loss in suite.losses if loss.use == ALONE.use), None)


def single_ways(suite: Suite) -> frozenset[str]:
    """The labels of the way of teaching with one teacher and one student, and that of rows without a teacher."""
    return frozenset(("", *(way.label for way in suite.teaching if way.use == SINGLE)))


def teacher_of_seed(suite: Suite, top1: Mapping[int, float]) -> dict[int, float]:
    """A figure of each student seed's first teacher, such as top-1, from the figure by teacher seed."""
    turn = {seed: suite.teacher_seed(index) for index, seed in enumerate(suite.seeds)}
    return {seed: top1[teacher] for seed, teacher in turn.items() if teacher in top1}


def _rank_costs(rows: Sequence[StudentRow]) -> tuple[StudentRow, ...]:
    """Each row with its rank by training cost, and that cost over the student alone's."""
    costs = [row.training.alone_seconds for row in rows]
    alone = next((row.training.alone_seconds for row in rows if row.alone), 0.0)
    return tuple(
        replace(row, cost_rank=rank, relative_cost=cost / alone if alone else None)
        for row, cost, rank in zip(rows, costs, ranks(costs), strict=True)
    )
