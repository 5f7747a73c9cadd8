"""Stages: the networks on the way to a reported student that were tested as well, such as generations and rounds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kdbench.analyze.models.pairs import PairSummary
from kdbench.analyze.models.rows import StudentRow, Timed
from kdbench.analyze.teaching.ensembles import Figures, figures
from kdbench.results import ResultSet
from kdbench.spec import Choice
from kdbench.statistics.paired import PairedDifference, crossed_difference


@dataclass(frozen=True)
class StageRow:
    """One row by stage, the reported student last."""

    student: StudentRow
    way: Choice  # of teaching
    stages: Mapping[int, Figures]  # by position, rising
    ensemble: Figures | None  # of all stages as one network, where it was asked for

    @property
    def pair(self) -> str:
        return self.student.pair

    def over_first(self, found: Figures) -> PairedDifference | None:
        """Gains over the first stage, paired by seed and test sample; None for itself."""
        first = next(iter(self.stages.values()))
        return None if found is first else crossed_difference(found.correct, first.correct)


def stage_rows(pairs: Iterable[PairSummary], results: ResultSet, timed: Timed, use: str) -> tuple[StageRow, ...]:
    """One for each row under a way of teaching of this name that has stages, in the suite's order."""
    ways = {way.label: way for way in results.suite.teaching if way.use == use}
    found: dict[tuple[str, str], dict[int, dict[str, int]]] = {}
    ensembles: dict[tuple[str, str], dict[str, int]] = {}
    for entry in results.run.entries:
        if entry.teaching in ways and entry.key in results.trials:
            if entry.role == "ensemble":
                ensembles.setdefault((entry.pair, entry.row), {})[entry.key] = entry.seed
            elif entry.role in ("student", "stage"):
                found.setdefault((entry.pair, entry.row), {}).setdefault(entry.position, {})[entry.key] = entry.seed

    def of(keys: Mapping[str, int]) -> Figures:
        return figures(list(keys), results, timed, list(keys.values()))

    rows = [row for pair in pairs for row in pair.students if len(found.get((row.pair, row.row), ())) > 1]
    return tuple(
        StageRow(
            student=row,
            way=ways[row.teaching],
            stages={position: of(keys) for position, keys in sorted(found[row.pair, row.row].items())},
            ensemble=of(ensembles[row.pair, row.row]) if (row.pair, row.row) in ensembles else None,
        )
        for row in rows
    )
