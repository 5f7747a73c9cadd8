"""What the accuracy gate can see: the drop that its own test fails with a probability of 80 %, before any check."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from kdbench.analyze.decisions.accuracy_gate import allowed_drop, collapsing, rows_together
from kdbench.analyze.decisions.wording import several
from kdbench.results import Baseline
from kdbench.statistics.drops import FAIL_ALPHA, MOST_SEEDS, POWER, detectable_drop, seeds_to_show
from kdbench.statistics.intervals import spread
from kdbench.statistics.paired import SEEDS_FOR_A_CLAIM


@dataclass(frozen=True)
class RowPower:
    """A row of students and the drop of its top-1 that the gate fails with a probability of 80 %, as fractions.

    The SD of paired changes is unknown before there is a second run: sqrt(2) times the SD over seeds bounds it from
    above, as if the two runs shared nothing.
    """

    pair: str
    row: str
    seeds: int
    top1: float  # mean
    sd: float | None  # None with one seed, or where all seeds are equal
    detectable: float | None  # may exceed `top1`: then no drop is seen

    @property
    def sees(self) -> bool:
        """Whether any drop is seen."""
        return self.detectable is not None and self.detectable <= self.top1


def gate_power(baseline: Baseline) -> list[RowPower]:
    """One figure for each row of students."""
    limit, family, found = allowed_drop(baseline.spec), _family(baseline), []
    for (pair, role, row), seeds in rows_together(baseline.rows).items():
        top1 = [seed.top1 for seed in seeds]
        sd = math.sqrt(2) * (spread(top1) or 0.0) or None
        if role == "student":
            detectable = detectable_drop(sd, len(seeds), limit, family)
            found.append(RowPower(pair, row, len(seeds), fmean(top1), sd, detectable))
    return found


def _family(baseline: Baseline) -> int:
    """The rows that share the error: all with at least two seeds, teachers included."""
    return sum(len(seeds) > 1 for seeds in rows_together(baseline.rows).values()) or 1


def what_the_gate_sees(baseline: Baseline) -> str:
    """In one sentence: which drops the seeds of a baseline can show, and what more seeds would show."""
    limit, family, power = allowed_drop(baseline.spec), _family(baseline), gate_power(baseline)
    shown = [each for each in power if each.sees]
    collapse = f"a collapsed seed{_except(baseline)}"
    if not shown:
        return f"The accuracy gate sees only {collapse}: these seeds cannot show a drop."
    drops = [each.detectable or 0.0 for each in shown]
    fewest, blind = min(each.seeds for each in shown), len(power) - len(shown)
    gross = max(drops) > 2 * limit
    test = f"one-sided t at {100 * FAIL_ALPHA:g} %, Holm over {several(family, 'row')}, {100 * limit:.2f} allowed"
    text = (
        f"With {several(fewest, 'seed')} the accuracy gate sees {'only ' if gross else ''}"
        f"a drop of {_range(drops)} (by row; fails it in {100 * POWER:g} % of cases; {test}) or {collapse}"
    )
    if blind:
        text += f"; in {blind} of {len(power)} rows of students it sees no drop"
    if gross:
        more = SEEDS_FOR_A_CLAIM if fewest < SEEDS_FOR_A_CLAIM else 2 * fewest
        text += (
            f"; {more} seeds would show {_range([detectable_drop(x.sd, more, limit, family) or 0.0 for x in shown])}"
        )
    return text + "."


def _except(baseline: Baseline) -> str:
    pairs = sorted(pair for pair, role in collapsing(baseline) if role == "student")
    return f" (not in {', '.join(pairs)}, where seeds had collapsed in the baseline)" if pairs else ""


def undetectable_gates(baseline: Baseline) -> list[str]:
    """For each pair whose seeds do not show a drop of twice the limit: by how much, and what would do.

    Of several such rows, the one whose seeds differ most is told: what does for it does for all.
    """
    limit, family = allowed_drop(baseline.spec), _family(baseline)
    written = any(gate.metric == "top1" for gate in baseline.spec.gates)
    allows = f"the accuracy gate allows a drop of {100 * limit:.2f} points{'' if written else ' by default'}"
    blind: dict[str, list[RowPower]] = {}
    for each in gate_power(baseline):
        if each.seeds < 2 or (each.detectable or 0.0) > 2 * limit:
            blind.setdefault(each.pair, []).append(each)
    problems = []
    for pair, found in blind.items():
        worst = max(found, key=lambda each: each.detectable or math.inf)
        of = f"'{worst.row}'{f' and {len(found) - 1} more' if len(found) > 1 else ''} ({pair})"
        if worst.detectable is None or worst.sd is None:
            problems.append(f"{allows}, but one seed of {of} has no spread to judge a drop by: use at least 5 seeds")
            continue
        least = f"only one of {100 * worst.detectable:.2f} points" if worst.sees else "none at all"
        remedies = _remedies(worst, limit, seeds_to_show(2 * limit, worst.sd, limit, family))
        problems.append(f"{allows}, but {several(worst.seeds, 'seed')} of {of} show {least}: {remedies}")
    return problems


def _remedies(worst: RowPower, limit: float, seeds: int | None) -> str:
    wide = math.ceil(1000 * ((worst.detectable or 0.0) - limit)) / 1000  # with it, a drop of twice the limit is seen
    ways = [f"{seeds} seeds" if seeds else "", f"may_drop = {wide:.3f}" if 2 * wide < worst.top1 else ""]
    return f"use {' or '.join(filter(None, ways))}" if any(ways) else f"not even {MOST_SEEDS} seeds would do"


def _range(drops: Sequence[float]) -> str:
    low, high = (f"{100 * end(drops):.2f}" for end in (min, max))
    return f"{low} points" if low == high else f"{low} to {high} points"
