"""A pair: its teacher, and its students under each loss and way of teaching against each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kdbench.analyze.models.cost import ranks
from kdbench.analyze.models.gains import alone_like, compare_with_alone, judge_family
from kdbench.analyze.models.rows import Bits, Done, Equal, ModelRow, StudentRow, Timed, model_figures, student_row
from kdbench.spec import Suite
from kdbench.spec.planning.entry import SINGLE, loss_alone
from kdbench.statistics.paired import PairedDifference, crossed_difference
from kdbench.statistics.spread import brown_forsythe

NEARLY = 0.9  # of a cost: seconds of one and the same training differ by several percent from run to run


@dataclass(frozen=True)
class Confirmation:
    """A candidate minus the student alone, at seeds that took no part in choosing the candidate; accuracies 0 to 1."""

    row: str
    equal: Equal
    budget: float  # of the student alone
    difference: PairedDifference

    @property
    def holds(self) -> bool:
        """Whether the 95 % interval lies above 0, over seeds enough for a claim."""
        interval = self.difference.estimate.interval
        return self.difference.claims and interval is not None and interval.low > 0


@dataclass(frozen=True)
class PairSummary:
    """A teacher and its students, row by row; the teacher is None where none finished."""

    pair: str
    teacher: ModelRow | None
    students: tuple[StudentRow, ...]
    confirmation: Confirmation | None  # None where no seeds of its own were trained
    spread_test: tuple[float, float] | None  # F and p of 'all rows spread alike' (Brown-Forsythe)

    @property
    def models(self) -> tuple[ModelRow, ...]:
        """The teacher, where there is one, and the distinct students."""
        return ((self.teacher,) if self.teacher else ()) + self.distinct

    @property
    def distinct(self) -> tuple[StudentRow, ...]:
        """The students, each once."""
        return distinct(self.students)

    @property
    def alone(self) -> StudentRow | None:
        """The plain student alone as published, at the budget of the recipe; or else the first of its rows."""
        rows = [row for row in self.students if row.alone and not row.teaching]
        return next((row for row in rows if row.budget == 1 and not row.tuned), rows[0] if rows else None)

    def alone_like(self, row: ModelRow) -> StudentRow | None:
        """The student alone that a row is compared with at equal epochs; where there is none, the usual one."""
        return alone_like(row, self.students) or self.alone

    @property
    def longest(self) -> float:
        """The largest budget of the student alone; 0 without it."""
        return max((row.budget for row in self.students if row.alone), default=0.0)


def distinct(students: Sequence[StudentRow]) -> tuple[StudentRow, ...]:
    """Rows without the student alone of a way of teaching where an earlier way trains the same one."""
    found: dict[object, StudentRow] = {}
    for row in students:
        found.setdefault(tuple(seed.key for seed in row.seeds) if row.alone and row.teaching else row.name, row)
    return tuple(found.values())


def summarize_pair(
    pair: str, suite: Suite, done: Sequence[Done], confirmations: Sequence[Done], timed: Timed
) -> PairSummary:
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
    alone, by_cost = loss_alone(suite), suite.budget.by != "epochs"
    students = _rank_costs(compare_with_alone(rows, turns, alone, by_cost))
    apart = _confirmation([(entry, record) for entry, record in confirmations if entry.pair == pair], alone, by_cost)
    students = tuple(_judged(row, apart) for row in students)
    return PairSummary(pair, teacher, students, apart, brown_forsythe([row.top1.values for row in distinct(students)]))


def _confirmation(mine: Sequence[Done], alone: str | None, by_cost: bool) -> Confirmation | None:
    """The candidate against the student alone: after as long a training where there is one, else at equal epochs."""
    candidate = [(entry, record) for entry, record in mine if entry.loss != alone]
    budgets = {entry.budget for entry, _ in mine if entry.loss == alone}
    if not candidate or not budgets:
        return None
    budget = max(budgets) if by_cost else 1.0
    rival = [(entry, record) for entry, record in mine if entry.loss == alone and entry.budget == budget]
    difference = crossed_difference(_correct(candidate), _correct(rival))
    as_costly = by_cost and _seconds(rival) >= NEARLY * _seconds(candidate)
    row = candidate[0][0].row
    return Confirmation(row, "cost" if as_costly else "epochs", budget, difference) if difference else None


def _judged(row: StudentRow, apart: Confirmation | None) -> StudentRow:
    """The candidate with what its confirmation shows: of one comparison, so that there is no family."""
    if apart is None or apart.row != row.row or row.unstable or not apart.difference.claims:
        return row
    ((_, word),) = judge_family({row.name: apart.difference}, set()).values()
    return replace(row, confirmed=word)


def _correct(group: Sequence[Done]) -> dict[int, Bits]:
    return {entry.seed: record.test.correct for entry, record in group}


def _seconds(group: Sequence[Done]) -> float:
    """The cost of training one alone; 0 of none."""
    return sum(record.alone_seconds for _, record in group) / len(group) if group else 0.0


def single_ways(suite: Suite) -> frozenset[str]:
    """The labels of the way of teaching with one teacher and one student, and that of rows without a teacher."""
    return frozenset(("", *(way.label for way in suite.teaching if way.use == SINGLE)))


def teacher_of_seed(suite: Suite, top1: Mapping[int, float]) -> dict[int, float]:
    """A figure of each student seed's first teacher, such as top-1, from the figure by teacher seed."""
    turn = {seed: suite.teacher_seed(index) for index, seed in enumerate(suite.seeds)}
    return {seed: top1[teacher] for seed, teacher in turn.items() if teacher in top1}


def _rank_costs(rows: Sequence[StudentRow]) -> tuple[StudentRow, ...]:
    """Each row with its rank by training cost, and that cost over the plain student alone's."""
    costs = [row.training.alone_seconds for row in rows]
    alone = next(
        (row.training.alone_seconds for row in rows if row.alone and not row.teaching and row.budget == 1), 0.0
    )
    return tuple(
        replace(row, cost_rank=rank, relative_cost=cost / alone if alone else None)
        for row, cost, rank in zip(rows, costs, ranks(costs), strict=True)
    )
