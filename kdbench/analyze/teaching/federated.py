"""Federations: accuracy by round, and what leaves the clients for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kdbench.analyze.models.pairs import PairSummary
from kdbench.analyze.models.rows import Timed
from kdbench.analyze.teaching.stages import StageRow, stage_rows
from kdbench.results import ResultSet
from kdbench.statistics.paired import PairedDifference, crossed_difference

FLOAT = 4  # bytes
Method = Literal["FedAvg", "FedDF", "FedMD"]


@dataclass(frozen=True)
class FederatedRow:
    """One row under `federated`; the same federation stands once, also where two ways of teaching have it."""

    by_round: StageRow
    method: Method
    clients: int
    alpha: float  # of the Dirichlet distribution by which clients differ
    sends: str  # what leaves a client in each round: weights or logits
    bytes_sent: int  # by one client in one round; it receives as much
    against_central: PairedDifference | None  # minus the student that was trained on all samples in one place

    def sent_by(self, number: int) -> int:
        """Bytes that all clients have sent by the end of a round."""
        return self.bytes_sent * self.clients * number


def federated_rows(pairs: Sequence[PairSummary], results: ResultSet, timed: Timed) -> tuple[FederatedRow, ...]:
    """One for each federation of each pair, in the suite's order."""
    central = {pair.pair: pair.alone for pair in pairs}
    found: dict[tuple[str, ...], FederatedRow] = {}
    for row in stage_rows(pairs, results, timed, "federated"):
        student, options = row.student, row.way.options
        logits = options["sends"] == "logits" and not student.alone
        record = results.records[student.seeds[0].key]
        alone = central[row.pair]
        found.setdefault(
            tuple(seed.key for seed in student.seeds),
            FederatedRow(
                by_round=row,
                method="FedAvg" if student.alone else "FedMD" if logits else "FedDF",
                clients=int(str(options["clients"])),
                alpha=float(str(options["alpha"])),
                sends="logits" if logits else "weights",
                bytes_sent=FLOAT * (round(record.samples) * record.classes if logits else student.parameters),
                against_central=crossed_difference(student.scores, alone.scores) if alone else None,
            ),
        )
    return tuple(found.values())
