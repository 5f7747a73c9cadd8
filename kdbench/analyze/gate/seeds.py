"""Figures of single networks against a baseline, paired by seed: drops beyond the limit, and seeds that collapsed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from kdbench.analyze.decisions.wording import percent, several
from kdbench.analyze.gate.comparable import unlike_data, unlike_machine
from kdbench.analyze.gate.figures import Figure
from kdbench.analyze.gate.verdict import STATUSES, GateEntry, Status
from kdbench.results import Baseline, ResultSet
from kdbench.results.baselines.baseline import BaselineRow
from kdbench.results.baselines.freezing import baseline_of
from kdbench.statistics.drops import POWER, Changes, DropVerdict, judge_drops, proven_gains
from kdbench.statistics.spread import collapse_limit, collapsed


@dataclass(frozen=True)
class _Compared:
    """A row with its changes by seed; without them its entry is final, otherwise the whole family decides it."""

    figure: Figure
    entry: GateEntry
    changes: Changes | None = None


def judge_seeds(baseline: Baseline, results: ResultSet, figures: Iterable[Figure]) -> list[GateEntry]:
    """One entry for each figure and row; failing is decided by Holm over all of them.

    Top-1 is held of teachers and students, all else of students.
    """
    now = baseline_of(results)
    prone = collapsing(baseline)
    compared = [
        _Comparison(figure, baseline, now, results).compare(rows, prone=place[:2] in prone)
        for figure in figures
        for place, rows in baseline.by_place.items()
        if figure.clean_top1 or place[1] == "student"
    ]
    tested = [each.changes for each in compared if each.changes]
    found: Iterator[tuple[DropVerdict, bool]] = zip(judge_drops(tested), proven_gains(tested), strict=True)
    return [_decide(each, *next(found), len(tested)) if each.changes else each.entry for each in compared]


def collapsing(baseline: Baseline) -> set[tuple[str, str]]:
    """Each (pair, role) of which seeds collapsed in the baseline already: there, one that does now proves nothing."""
    return {
        place[:2]
        for place, rows in baseline.by_place.items()
        if any(collapsed([row.test.top1 for row in rows], rows[0].chance))
    }


@dataclass(frozen=True)
class _Comparison:
    """One figure, of a baseline and of a run as the baseline that it would freeze to."""

    figure: Figure
    baseline: Baseline
    now: Baseline
    results: ResultSet

    def compare(self, rows: Sequence[BaselineRow], *, prone: bool) -> _Compared:
        """Pair the baseline's seeds with the run's. A seed without a result regressed: missing figures never pass.

        `prone` rows are not judged by seeds that collapsed: see `collapsing`.
        """
        figure = self.figure
        limit = figure.as_read(-figure.allowed)
        what = figure.of(" / ".join(rows[0].place))
        entry = GateEntry(figure.gate.metric, what, "inconclusive", "", limit=limit, n=len(rows), measured=False)

        def final(status: Status, message: str, *, measured: bool = False) -> _Compared:
            return _Compared(figure, replace(entry, status=status, message=message, measured=measured))

        found = [self._now(row) for row in rows]
        if missing := [self._missing(row) for row, new in zip(rows, found, strict=True) if new is None]:
            return final(
                "regressed" if all(asked for _, asked in missing) else "invalid", "; ".join(t for t, _ in missing)
            )
        pairs = [(row, new) for row, new in zip(rows, found, strict=True) if new is not None]
        if reason := unlike_data(self.baseline, self.now, pairs):
            return final("invalid", reason, measured=True)
        if unlike := unlike_machine(figure, self.baseline, self.now):
            return final(*unlike, measured=unlike[0] == "invalid")
        values = [(figure.read(row), figure.read(new)) for row, new in pairs]
        if None in (side := [each for pair in values for each in pair]):
            where = "the baseline" if None in side[::2] else "this run"
            return final("inconclusive", f"{where} has no such figure of every seed")
        both = [(was, new) for was, new in values if was is not None and new is not None]
        changes = [figure.change(was, new) for was, new in both]
        entry = replace(
            entry,
            baseline=fmean(was for was, _ in both),
            current=fmean(new for _, new in both),
            estimate=figure.as_read(fmean(changes)),
            measured=True,
        )
        if figure.clean_top1 and (certain := _without_a_test(pairs, prone=prone)):
            status, message = certain
            return _Compared(figure, replace(entry, status=status, message=message))
        if len(rows) == 1:
            change = f"{figure.say_change(changes[0])}, allowed {figure.say(-figure.allowed)}"
            text = f"not judged: one seed ({change}; one seed has no spread to judge by)"
            return _Compared(figure, replace(entry, status="unjudged", message=text))
        return _Compared(figure, entry, Changes(changes, figure.allowed, figure.resolution(rows[0])))

    def _now(self, row: BaselineRow) -> BaselineRow | None:
        return next((each for each in self.now.by_place.get(row.place, ()) if each.seed == row.seed), None)

    def _missing(self, row: BaselineRow) -> tuple[str, bool]:
        """Why a row of the baseline has no counterpart, and whether the suite asks for one."""
        entries = self.results.run.entries
        key = next((e.key for e in entries if (e.pair, e.role, e.row, e.seed) == (*row.place, row.seed)), None)
        if key is None:
            return f"seed {row.seed}: the suite no longer asks for it; freeze a new baseline", False
        outcome = self.results.run.outcomes.get(key)
        if outcome is None or outcome.status == "done":
            return f"seed {row.seed}: no record of it", True
        return f"seed {row.seed}: {outcome.status}: {outcome.reason or 'no reason was recorded'}", True


def _without_a_test(pairs: Sequence[tuple[BaselineRow, BaselineRow]], *, prone: bool) -> tuple[Status, str] | None:
    """What needs no test: the same predictions, or seeds that collapsed where none had in the baseline."""
    if all(new.test.correct_bits == row.test.correct_bits for row, new in pairs):
        return (
            "pass",
            f"the same {pairs[0][0].test.samples} predictions, right and wrong, in {several(len(pairs), 'seed')}",
        )
    limit = collapse_limit(max(row.test.top1 for row, _ in pairs), pairs[0][0].chance)
    lost = [] if prone else [(row, new.test.top1) for row, new in pairs if new.test.top1 <= limit]
    told = (
        f"seed {row.seed} collapsed: {percent(top1)}, in the baseline {percent(row.test.top1)}" for row, top1 in lost
    )
    return ("regressed", "; ".join(told)) if lost else None


def _decide(compared: _Compared, verdict: DropVerdict, gained: bool, family: int) -> GateEntry:
    """The entry with the verdict on its row, and for one that decides nothing the drop that its seeds could show."""
    figure, entry = compared.figure, compared.entry
    status = STATUSES[verdict.status]
    allowed = f"allowed {figure.say(-figure.allowed)}"
    seeds = several(entry.n or 0, "seed")
    entry = replace(entry, status=status, improved=gained)
    if verdict.lower is None or verdict.upper is None:
        return replace(entry, message=f"{figure.say_change(verdict.change)} in each of {seeds}, {allowed}")
    low, high = sorted(map(figure.as_read, (verdict.lower, verdict.upper)))
    sides = ("lower", "upper") if figure.falling else ("upper", "lower")
    bounds = f"{sides[0]} 95 % bound {figure.say(verdict.lower)}, {sides[1]} 99 % bound {figure.say(verdict.upper)}"
    message = f"{figure.say_change(verdict.change)} over {seeds} ({bounds}), {allowed}"
    if status == "inconclusive" and verdict.upper < -figure.allowed:
        message += f"; not significant once {family} comparisons share the error (Holm)"
    if status == "inconclusive" and verdict.detectable:
        seen = not figure.falling or verdict.detectable <= (entry.baseline or 0.0)
        of = f"{figure.drop} of {figure.say_size(verdict.detectable)}"
        drop = f"a {of} in {100 * POWER:g} % of cases"
        message += f"; these seeds fail {drop if seen else 'no drop: they differ too much'}"
    return replace(entry, message=message, lower=low, upper=high)
