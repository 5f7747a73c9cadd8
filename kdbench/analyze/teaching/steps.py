"""Steps: the trials between a teacher and the student that a row reports, such as generations before the last."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

from kdbench.results import ResultSet
from kdbench.statistics.intervals import Estimate, estimate
from kdbench.statistics.paired import PairedDifference, paired_difference


@dataclass(frozen=True)
class Step:
    """Validation top-1, 0 to 1, of the trials at one position: a mean over seeds."""

    position: int
    model: str
    validation: Estimate
    against_reported: PairedDifference | None  # minus the reported student, by seed


@dataclass(frozen=True)
class StepRow:
    """The steps of one row by position, and the student that it reports."""

    pair: str
    role: str
    model: str
    row: str
    steps: tuple[Step, ...]
    reported: Estimate | None  # None where no reported student is done
    position: int  # of the reported student


def step_rows(results: ResultSet) -> tuple[StepRow, ...]:
    """One for each row whose way of teaching has steps that are done, in the suite's order."""
    found: dict[tuple[str, str], dict[int, dict[int, list[float]]]] = {}
    reported: dict[tuple[str, str], dict[int, float]] = {}
    last: dict[tuple[str, str], int] = {}
    models: dict[tuple[str, str, int], str] = {}  # by place and position
    for entry in results.run.entries:
        record, at = results.records.get(entry.key), (entry.pair, entry.row)
        if record is None or entry.role not in ("student", "step"):
            continue
        models[*at, entry.position] = entry.model
        if entry.role == "student":
            reported.setdefault(at, {})[entry.seed] = record.validation_top1
            last[at] = entry.position
        else:
            by_seed = found.setdefault(at, {}).setdefault(entry.position, {})
            by_seed.setdefault(entry.seed, []).append(record.validation_top1)
    return tuple(
        StepRow(
            pair=at[0],
            role="student",
            model=models.get((*at, last.get(at, 0)), ""),
            row=at[1],
            steps=tuple(
                _step(place, models[*at, place], by_seed, reported.get(at, {}))
                for place, by_seed in sorted(positions.items())
            ),
            reported=estimate(list(reported[at].values())) if at in reported else None,
            position=last.get(at, max(positions) + 1),
        )
        for at, positions in found.items()
    )


def _step(position: int, model: str, by_seed: Mapping[int, list[float]], reported: Mapping[int, float]) -> Step:
    """Of several trials at one position and seed, the mean."""
    values = {seed: fmean(each) for seed, each in by_seed.items()}
    return Step(position, model, estimate(list(values.values())), paired_difference(values, reported))
