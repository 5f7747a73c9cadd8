"""How many seeds a claim needs, by the SD of a suite's paired differences so far."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kdbench.analyze.models.pairs import PairSummary
from kdbench.statistics.intervals import Error
from kdbench.statistics.paired import SEEDS_FOR_A_CLAIM, PairedDifference, detectable_sds, least_detectable
from kdbench.statistics.spread import sd_bound

MOST_SEEDS = 1000  # more than anybody trains
SD_CONFIDENCE = 0.8  # that the true SD is under the upper one: an SD of three seeds may be half the true one


@dataclass(frozen=True)
class SeedsNeeded:
    """One row against the student alone. Accuracies run from 0 to 1; without a spread so far, all is None."""

    pair: str
    row: str
    seeds: int  # that both have
    sd: float | None  # of the paired differences
    sd_upper: float | None  # its upper bound at `SD_CONFIDENCE`
    detectable: float | None  # with these seeds, at this SD
    needed: int | None  # at this SD; None where `MOST_SEEDS` would not do
    needed_upper: int | None  # at the upper one


def seeds_needed(difference: float, sd: float, power: float = 0.8) -> int | None:
    """The fewest seeds with which a two-sided 5 % paired t finds a difference; None where `MOST_SEEDS` would not do.

    At least `SEEDS_FOR_A_CLAIM`. Raises `ValueError` for an impossible difference, SD or power.
    """
    if difference <= 0 or sd <= 0 or not 0.05 < power < 1:
        raise ValueError(f"a difference of {difference} at an SD of {sd} with a power of {power}")

    def enough(n: int) -> bool:
        sds = detectable_sds(n, power=power)
        return sds is not None and sds * sd <= difference

    return _fewest(enough)


def seeds_to_tell(found: PairedDifference, away: float, alpha: float) -> int | None:
    """The seeds with which a comparison, two-sided at `alpha`, finds in 80 % of runs that it is so far from a line.

    By the error of the difference so far: its part of the seeds falls with their number, that of the test samples does
    not. At least `SEEDS_FOR_A_CLAIM`; None where `MOST_SEEDS` would not do.
    """
    now, error = len(found.seeds), found.estimate.error
    if error is None:
        return SEEDS_FOR_A_CLAIM

    def enough(n: int) -> bool:
        parts = ((variance * now / n, n - 1.0) if df == now - 1 else (variance, df) for variance, df in error.parts)
        return least_detectable(Error(tuple(parts)), alpha) <= away

    return _fewest(enough)


def _fewest(enough: Callable[[int], bool]) -> int | None:
    """Of `SEEDS_FOR_A_CLAIM` to `MOST_SEEDS`; more seeds never find less."""
    low, high = SEEDS_FOR_A_CLAIM - 1, MOST_SEEDS
    if not enough(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def plan_seeds(pairs: Sequence[PairSummary], difference: float, power: float = 0.8) -> tuple[SeedsNeeded, ...]:
    """One figure for each row that shares a seed with its student alone, in the suite's order."""
    rows = []
    for pair in pairs:
        for row in pair.students:
            if row.gain is None:
                continue
            n, sd = len(row.gain.seeds), row.gain.estimate.sd or None
            upper, sds = sd_bound(sd, n, SD_CONFIDENCE), detectable_sds(n, power=power)
            rows.append(
                SeedsNeeded(
                    pair=pair.pair,
                    row=row.row,
                    seeds=n,
                    sd=sd,
                    sd_upper=upper,
                    detectable=sds * sd if sds is not None and sd else None,
                    needed=seeds_needed(difference, sd, power) if sd else None,
                    needed_upper=seeds_needed(difference, upper, power) if upper else None,
                )
            )
    return tuple(rows)
