"""Students that are trained together as one network: what each head costs and gets right."""

from collections.abc import Sequence
from dataclasses import dataclass

from kdbench.analyze.models.pairs import PairSummary
from kdbench.analyze.models.rows import Bits, ModelRow
from kdbench.results import ResultSet
from kdbench.spec.planning.entry import Role
from kdbench.statistics.intervals import Estimate
from kdbench.statistics.paired import PairedDifference, crossed_difference


@dataclass(frozen=True)
class HeadRow:
    """A row that deploys one head of a network of several; accuracies from 0 to 1, over seeds."""

    pair: str
    role: Role
    model: str
    row: str
    loss: str
    network: str  # `peers`, `branches` or `exits`
    head: str
    flops: int  # of one sample
    microseconds: float | None  # of one call, as models are ordered by
    top1: Estimate
    against_labels: PairedDifference | None  # minus the same head that learnt from labels alone; None for itself
    against_alone: PairedDifference | None  # minus the plain student alone


def head_rows(pairs: Sequence[PairSummary], results: ResultSet) -> tuple[HeadRow, ...]:
    """Rows pair by pair; none for suites whose students are trained each for itself."""
    found = []
    for pair in pairs:
        for row in pair.students:
            trial = results.records[row.seeds[0].key].trial
            if not trial.deploys or "of" not in trial.model.options:
                continue
            labels = pair.alone_like(row)
            found.append(
                HeadRow(
                    pair=row.pair,
                    role=row.role,
                    model=row.model,
                    row=row.row,
                    loss=row.loss,
                    network=trial.model.use,
                    head=trial.deploys[0],
                    flops=row.flops,
                    microseconds=row.scaled_microseconds,
                    top1=row.top1,
                    against_labels=_minus(row, None if labels is row else labels),
                    against_alone=_minus(row, pair.alone),
                )
            )
    return tuple(found)


def _minus(row: ModelRow, other: ModelRow | None) -> PairedDifference | None:
    return crossed_difference(_correct(row), _correct(other)) if other else None


def _correct(row: ModelRow) -> dict[int, Bits]:
    return {seed: row.correct[seed] for seed in row.learned}
