"""Top-1 against a baseline, paired by seed: drops beyond the limit, and seeds that collapsed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Literal

from kdbench.analyze.decisions.wording import percent, points, several
from kdbench.results import Baseline, ResultSet
from kdbench.results.baseline import BaselineRow, bits_hash
from kdbench.spec import Suite
from kdbench.statistics.drops import POWER, DropVerdict, judge_drops
from kdbench.statistics.spread import collapse_limit, collapsed

LEAST_DROP = 0.005

# 'unjudged': shown without effect on the verdict, because one seed has no spread to judge by.
Status = Literal["pass", "fail", "inconclusive", "invalid", "unjudged"]
Kind = Literal["top1", "latency", "parameters", "flops", "onnx_bytes"]


@dataclass(frozen=True)
class GateEntry:
    """A figure against its baseline. Top-1 as fractions, latency as ratio new / baseline, counts as counts."""

    kind: Kind
    what: str  # pair / role / row or timing
    status: Status
    message: str
    baseline: float | None = None
    current: float | None = None
    estimate: float | None = None  # difference of top-1, or ratio of latency
    lower: float | None = None  # one-sided bound
    upper: float | None = None
    limit: float | None = None  # top-1: -d; latency: 1 + m; counts: the baseline's
    n: int | None = None  # seeds or slice pairs
    measured: bool = True  # whether a figure was there to compare


@dataclass(frozen=True)
class _Compared:
    """A row with its changes by seed; without changes its entry is final, otherwise the whole family decides it."""

    entry: GateEntry
    changes: tuple[float, ...] = ()
    samples: int = 1  # of the test split


def judge_accuracy(baseline: Baseline, results: ResultSet) -> list[GateEntry]:
    """One entry per (pair, role, row) of the baseline; failing is decided by Holm over all of them."""
    limit, prone = allowed_drop(baseline.spec), collapsing(baseline)
    compared = [
        _compare(rows, results, limit, None if place[:2] in prone else baseline.guessing)
        for place, rows in rows_together(baseline.rows).items()
    ]
    tested = [each for each in compared if each.changes]
    resolution = max((1 / each.samples for each in tested), default=1.0)
    verdicts = iter(judge_drops([each.changes for each in tested], limit, resolution))
    return [_decide(each.entry, next(verdicts), len(tested)) if each.changes else each.entry for each in compared]


def rows_together(rows: Iterable[BaselineRow]) -> dict[tuple[str, str, str], list[BaselineRow]]:
    """The seeds of each (pair, role, row)."""
    groups: dict[tuple[str, str, str], list[BaselineRow]] = {}
    for row in rows:
        groups.setdefault((row.pair, row.role, row.row), []).append(row)
    return groups


def collapsing(baseline: Baseline) -> set[tuple[str, str]]:
    """Each (pair, role) of which seeds collapsed in the baseline already: there, one that does now proves nothing."""
    return {
        place[:2]
        for place, rows in rows_together(baseline.rows).items()
        if any(collapsed([row.top1 for row in rows], baseline.guessing))
    }


def allowed_drop(suite: Suite) -> float:
    """The drop of top-1 that the suite's gates allow, as a fraction; never under half a point."""
    drops = [gate.may_drop for gate in suite.gates if gate.metric == "top1" and gate.may_drop is not None]
    return max(LEAST_DROP, min(drops, default=LEAST_DROP))


def _compare(rows: Sequence[BaselineRow], results: ResultSet, limit: float, chance: float | None) -> _Compared:
    """Pair the baseline's seeds with the run's. A seed without a result fails: missing figures must not pass.

    `chance` is the accuracy of guessing; None where collapsed seeds are not judged: see `collapsing`.
    """
    what = f"{rows[0].pair} / {rows[0].role} / {rows[0].row}"
    if missing := [text for row in rows if (text := _missing(row, results))]:
        entry = GateEntry("top1", what, "fail", "; ".join(missing), limit=-limit, measured=False)
        return _Compared(entry)
    now = [results.trials[_key_now(row, results) or ""].test for row in rows]
    tests = sorted({row.samples for row in rows} | {test.samples for test in now})
    if len(tests) > 1:
        text = f"the test split has changed: {' against '.join(map(str, tests))} samples; freeze a new baseline"
        return _Compared(GateEntry("top1", what, "invalid", text, limit=-limit, n=len(rows)))
    changes = tuple(test.top1 - row.top1 for test, row in zip(now, rows, strict=True))
    entry = GateEntry(
        kind="top1",
        what=what,
        status="inconclusive",
        message="",
        baseline=fmean(row.top1 for row in rows),
        current=fmean(test.top1 for test in now),
        estimate=fmean(changes),
        limit=-limit,
        n=len(rows),
    )
    if all(bits_hash(test.correct_bits) == row.bits_sha256 for test, row in zip(now, rows, strict=True)):
        text = f"the same {tests[0]} predictions, right and wrong, in {several(len(rows), 'seed')}"
        return _Compared(replace(entry, status="pass", message=text))
    if chance is not None and (collapsed := _collapsed(rows, [test.top1 for test in now], chance)):
        return _Compared(replace(entry, status="fail", message=collapsed))
    if len(rows) == 1:
        change = f"{points(changes[0])} points, allowed {points(-limit)}"
        text = f"not judged: one seed ({change}; one seed has no spread to judge by)"
        return _Compared(replace(entry, status="unjudged", message=text))
    return _Compared(entry, changes, tests[0])


def _collapsed(rows: Sequence[BaselineRow], now: Sequence[float], chance: float) -> str:
    """Which seeds collapsed that had not in the baseline; empty where none did."""
    limit = collapse_limit(max(row.top1 for row in rows), chance)
    return "; ".join(
        f"seed {row.seed} collapsed: {percent(top1)}, in the baseline {percent(row.top1)}"
        for row, top1 in zip(rows, now, strict=True)
        if top1 <= limit
    )


def _decide(entry: GateEntry, verdict: DropVerdict, family: int) -> GateEntry:
    """The entry with the verdict on its row, and for one that decides nothing the drop that its seeds could show."""
    status: Status = "inconclusive" if verdict.status == "undecided" else verdict.status
    allowed = f"allowed {points(entry.limit)}"
    seeds = several(entry.n or 0, "seed")
    entry = replace(entry, status=status, lower=verdict.lower, upper=verdict.upper)
    if verdict.lower is None or verdict.upper is None:
        return replace(entry, message=f"{points(verdict.change)} points in each of {seeds}, {allowed}")
    bounds = f"lower 95 % bound {points(verdict.lower)}, upper 99 % bound {points(verdict.upper)}"
    message = f"{points(verdict.change)} points over {seeds} ({bounds}), {allowed}"
    if status == "inconclusive" and entry.limit is not None and verdict.upper < entry.limit:
        message += f"; not significant once {family} comparisons share the error (Holm)"
    if status == "inconclusive" and verdict.detectable and entry.baseline:
        seen = f"a drop of {100 * verdict.detectable:.2f} points in {100 * POWER:g} % of cases"
        message += (
            f"; these seeds fail {seen if verdict.detectable <= entry.baseline else 'no drop: they differ too much'}"
        )
    return replace(entry, message=message)


def _key_now(row: BaselineRow, results: ResultSet) -> str | None:
    wanted = (row.pair, row.role, row.row, row.seed)
    return next((e.key for e in results.run.entries if (e.pair, e.role, e.row, e.seed) == wanted), None)


def _missing(row: BaselineRow, results: ResultSet) -> str | None:
    """Why a row of the baseline has no counterpart; None where it has one."""
    key = _key_now(row, results)
    if key is None:
        return f"seed {row.seed}: the suite no longer asks for it"
    if key in results.trials:
        return None
    outcome = results.run.outcomes.get(key)
    if outcome is None or outcome.status == "done":
        return f"seed {row.seed}: no record of it"
    return f"seed {row.seed}: {outcome.status}: {outcome.reason or 'no reason was recorded'}"
