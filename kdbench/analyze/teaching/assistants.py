"""Students taught through assistants, against those taught by the same teacher directly."""

from collections.abc import Sequence
from dataclasses import dataclass

from kdbench.analyze.models.pairs import PairSummary, single_ways
from kdbench.analyze.models.rows import ModelRow, StudentRow
from kdbench.spec import Suite
from kdbench.statistics.paired import PairedDifference, crossed_difference


@dataclass(frozen=True)
class AssistedRow:
    """One loss in one pair, through assistants and without."""

    teacher: ModelRow
    direct: StudentRow
    assisted: StudentRow
    gain: PairedDifference | None  # of the assisted over the direct student

    @property
    def gap(self) -> float:
        """How many times as many parameters the teacher has as the student."""
        return self.teacher.parameters / self.direct.parameters


def assisted_rows(pairs: Sequence[PairSummary], suite: Suite) -> tuple[AssistedRow, ...]:
    """One for each row under `assistants` whose loss is in the suite under a single teacher, too."""
    ways = {way.label for way in suite.teaching if way.use == "assistants"}
    single = single_ways(suite) - {""}
    return tuple(
        AssistedRow(pair.teacher, direct, row, crossed_difference(row.scores, direct.scores))
        for pair in pairs
        if pair.teacher
        for row in pair.students
        if row.teaching in ways
        for direct in pair.students
        if direct.teaching in single and (direct.loss, direct.budget, direct.tuned) == (row.loss, row.budget, row.tuned)
    )
