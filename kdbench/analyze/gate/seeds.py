"""Figures of single networks against a baseline, paired by seed: drops beyond the limit, and seeds that collapsed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from kdbench.analyze.decisions.wording import percent, several
from kdbench.analyze.gate.comparable import Sides
from kdbench.analyze.gate.evidence import drop_told, seeds_told
from kdbench.analyze.gate.figures import Figure
from kdbench.analyze.gate.verdict import STATUSES, GateEntry, Status
from kdbench.results import Baseline, ResultSet
from kdbench.results.baselines.baseline import BaselineRow
from kdbench.results.baselines.freezing import baseline_of
from kdbench.spec import UserError
from kdbench.statistics.drops import POWER, Changes, DropVerdict, judge_drops, proven_gains, seeds_to_decide
from kdbench.statistics.paired import SEEDS_FOR_A_CLAIM
from kdbench.statistics.spread import collapse_limit, collapsed

FURTHER_LOOKS = 2  # of a check that may train further seeds: before, and with them


@dataclass(frozen=True)
class _Compared:
    """A row with its changes by seed; without them its entry is final, otherwise the whole family decides it."""

    figure: Figure
    entry: GateEntry
    changes: Changes | None = None


def judge_seeds(baseline: Baseline, results: ResultSet, figures: Iterable[Figure], looks: int = 1) -> list[GateEntry]:
    """One entry for each figure and row; failing is decided by Holm over all of them.

    Top-1 is held of teachers and students, all else of students. `looks`: at how many numbers of seeds a check may
    judge, which share the error.
    """
    sides = Sides(baseline, baseline_of(results), results.run)
    now = {(*row.place, row.seed): row for row in sides.now.rows}
    prone = collapsing(baseline)
    compared = [
        _compare(figure, sides, rows, [now.get((*place, row.seed)) for row in rows], prone=place[:2] in prone)
        for figure in figures
        for place, rows in baseline.by_place.items()
        if figure.clean_top1 or place[1] == "student"
    ]
    tested = [each.changes for each in compared if each.changes]
    found: Iterator[tuple[DropVerdict, bool]] = zip(judge_drops(tested, looks), proven_gains(tested), strict=True)
    return [_decide(each, *next(found), len(tested), looks) if each.changes else each.entry for each in compared]


def refuse_seeds(number: int, baseline: Baseline) -> None:
    """Raise `UserError` where a baseline has as many seeds, or too few to hold further ones to."""
    held = min((len(rows) for (_, role, _), rows in baseline.by_place.items() if role == "student"), default=0)
    if held < SEEDS_FOR_A_CLAIM:
        text = f"further seeds need a baseline of {SEEDS_FOR_A_CLAIM} seeds to be held to, and this one has {held}"
        raise UserError(text, help=f"write seeds = {SEEDS_FOR_A_CLAIM} in the suite, run it, and freeze a new baseline")
    if number <= held:
        raise UserError(f"{number} seeds are no more than the baseline's {held}", help=f"give more: {2 * held}, say")


def collapsing(baseline: Baseline) -> set[tuple[str, str]]:
    """Each (pair, role) of which seeds collapsed in the baseline already: there, one that does now proves nothing."""
    return {
        place[:2]
        for place, rows in baseline.by_place.items()
        if any(collapsed([row.test.top1 for row in rows], rows[0].chance))
    }


def _compare(
    figure: Figure, sides: Sides, rows: Sequence[BaselineRow], found: Sequence[BaselineRow | None], *, prone: bool
) -> _Compared:
    """Pair the baseline's seeds with the run's. `prone` rows are not judged by collapsed seeds: see `collapsing`."""
    what, limit = figure.of(" / ".join(rows[0].place)), figure.as_read(-figure.allowed)
    entry = GateEntry(figure.gate.metric, what, "inconclusive", "", limit=limit, n=len(rows))
    if obstacle := sides.obstacle(figure, rows, found):
        told = replace(entry, status=obstacle.status, message=obstacle.message, measured=obstacle.measured)
        return _Compared(figure, told)
    pairs = [(was, now) for was, now in zip(rows, found, strict=True) if now is not None]
    values = [(figure.read(was) or 0.0, figure.read(now) or 0.0) for was, now in pairs]
    before, after = [was for was, _ in values], [*(now for _, now in values), *_further(figure, sides, rows)]
    changes = Changes(
        before=[figure.score(value) for value in before],
        now=[figure.score(value) for value in after],
        limit=figure.allowed,
        resolution=figure.resolution(rows[0]),
    )
    estimate = figure.as_read(fmean(changes.values))
    entry = replace(entry, baseline=fmean(before), current=fmean(after), estimate=estimate)
    entry = replace(entry, evidence=seeds_told(figure, [was.seed for was, _ in pairs], before, after))
    if certain := _without_a_test(figure, pairs, changes.values, prone=prone):
        status, message = certain
        return _Compared(figure, replace(entry, status=status, message=message))
    return _Compared(figure, entry, changes)


def _further(figure: Figure, sides: Sides, rows: Sequence[BaselineRow]) -> list[float]:
    """Of seeds that the baseline lacks; none where it has so few that the test with them errs too often."""
    own = {row.seed for row in rows}
    beyond = [each for each in sides.now.by_place.get(rows[0].place, ()) if each.seed not in own]
    values = [value for each in beyond if (value := figure.read(each)) is not None]
    return values if len(rows) >= SEEDS_FOR_A_CLAIM else []


def _without_a_test(
    figure: Figure, pairs: Sequence[tuple[BaselineRow, BaselineRow]], changes: Sequence[float], *, prone: bool
) -> tuple[Status, str] | None:
    """What needs no test: the same figures, seeds that collapsed where none had in the baseline, and a single seed."""
    seeds = several(len(pairs), "seed")
    if all(now.test.correct_bits == was.test.correct_bits for was, now in pairs) and not any(changes):
        of = f"the same {pairs[0][0].test.samples} predictions, right and wrong," if figure.clean_top1 else "the same"
        return "pass", f"{of} in {seeds}"
    if figure.clean_top1 and not prone and (lost := _collapsed(pairs)):
        return "regressed", lost
    if len(pairs) == 1:
        change = f"{figure.say_change(changes[0])}, allowed {figure.say(-figure.allowed)}"
        return "unjudged", f"one seed ({change}) has no spread to judge by"
    return None


def _collapsed(pairs: Sequence[tuple[BaselineRow, BaselineRow]]) -> str:
    """Which seeds collapsed; empty where none did."""
    limit = collapse_limit(max(was.test.top1 for was, _ in pairs), pairs[0][0].chance)
    return "; ".join(
        f"seed {was.seed} collapsed: {percent(now.test.top1)}, in the baseline {percent(was.test.top1)}"
        for was, now in pairs
        if now.test.top1 <= limit
    )


def _decide(compared: _Compared, verdict: DropVerdict, gained: bool, family: int, looks: int) -> GateEntry:
    """The entry with the verdict on its row, and for one that decides nothing the drop that its seeds could show."""
    figure, entry = compared.figure, compared.entry
    status = STATUSES[verdict.status]
    allowed = f"allowed {figure.say(-figure.allowed)}"
    further = compared.changes.further if compared.changes else 0
    seeds = several(entry.n or 0, "seed") + (f" and {further} more of this run" if further else "")
    entry = replace(entry, status=status, improved=gained, estimate=figure.as_read(verdict.change))
    entry = replace(entry, evidence=(*entry.evidence, *drop_told(figure, verdict, family, looks)))
    if verdict.lower is None or verdict.upper is None:
        return replace(entry, message=f"{figure.say_change(verdict.change)} in each of {seeds}, {allowed}")
    low, high = sorted(map(figure.as_read, (verdict.lower, verdict.upper)))
    sides = ("lower", "upper") if figure.falling else ("upper", "lower")
    bounds = f"{sides[0]} 95 % bound {figure.say(verdict.lower)}, {sides[1]} 99 % bound {figure.say(verdict.upper)}"
    shared = f", over {several(looks, 'look')}" if looks > 1 else ""
    message = f"{figure.say_change(verdict.change)} over {seeds} ({bounds}{shared}), {allowed}"
    if status == "inconclusive" and verdict.upper < -figure.allowed:
        message += f"; not significant once {family} comparisons share the error (Holm)"
    if status == "inconclusive" and verdict.detectable:
        seen = not figure.falling or verdict.detectable <= (entry.baseline or 0.0)
        of = f"a {figure.drop} of {figure.say_size(verdict.detectable)} in {100 * POWER:g} % of cases"
        message += f"; these seeds fail {of if seen else 'no drop: they differ too much'}"
    if status == "inconclusive" and compared.changes:
        message += f"; {_remedy(compared.changes, family)}"
    return replace(entry, message=message, lower=low, upper=high)


def _remedy(changes: Changes, family: int) -> str:
    """What decides a row that is undecided: so many seeds of the run, where that is allowed and helps."""
    held = len(changes.before)
    if held < SEEDS_FOR_A_CLAIM:
        return f"to decide it takes a baseline of {SEEDS_FOR_A_CLAIM} seeds or more"
    if number := seeds_to_decide(changes, family, FURTHER_LOOKS):
        return f"--max-seeds {number} would decide it, if further seeds are like these"
    return f"further seeds of this run would not decide it: only a baseline of more than {held} seeds, or a wider limit"
