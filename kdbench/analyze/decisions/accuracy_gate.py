"""Top-1 against a baseline, paired by seed; and the smallest drop that the seeds of a run can show."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from kdbench.analyze.decisions.wording import points, several
from kdbench.results import Baseline, ResultSet
from kdbench.results.baseline import BaselineRow, bits_hash
from kdbench.spec import Suite
from kdbench.statistics.intervals import estimate, one_sided_bound, p_below, spread
from kdbench.statistics.paired import detectable_sds, holm

LEAST_DROP = 0.005
FAIL_CONFIDENCE = 0.99
PASS_CONFIDENCE = 0.95
ROUNDING = 1e-12  # a drop of exactly the limit, as a difference of two fractions, may exceed it by 1e-17
MOST_SEEDS = 200  # more than anybody trains: above, only a wider gate helps

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
    """An entry, and the p-value of 'the drop is within the limit', where one could be computed."""

    entry: GateEntry
    p_value: float | None = None


def judge_accuracy(baseline: Baseline, results: ResultSet) -> list[GateEntry]:
    """One entry per (pair, role, row) of the baseline; failing is decided by Holm over all of them."""
    limit = allowed_drop(baseline.spec)
    groups: dict[tuple[str, str, str], list[BaselineRow]] = {}
    for row in baseline.rows:
        groups.setdefault((row.pair, row.role, row.row), []).append(row)
    compared = [_compare(rows, results, limit) for rows in groups.values()]
    tested = [index for index, each in enumerate(compared) if each.p_value is not None]
    adjusted = holm([p for each in compared if (p := each.p_value) is not None])
    decided = dict(zip(tested, adjusted, strict=True))
    return [_decide(each.entry, decided.get(index), len(tested)) for index, each in enumerate(compared)]


def allowed_drop(suite: Suite) -> float:
    """The drop of top-1 that the suite's gates allow, as a fraction; never under half a point."""
    drops = [gate.may_drop for gate in suite.gates if gate.metric == "top1" and gate.may_drop is not None]
    return max(LEAST_DROP, min(drops, default=LEAST_DROP))


def _compare(rows: Sequence[BaselineRow], results: ResultSet, limit: float) -> _Compared:
    """Pair the baseline's seeds with the run's. A seed without a result fails: missing figures must not pass."""
    what = f"{rows[0].pair} / {rows[0].role} / {rows[0].row}"
    if missing := [text for row in rows if (text := _missing(row, results))]:
        entry = GateEntry("top1", what, "fail", "; ".join(missing), limit=-limit, measured=False)
        return _Compared(entry)
    now = [results.trials[_key_now(row, results) or ""].test for row in rows]
    was = [row.top1 for row in rows]
    tests = sorted({row.samples for row in rows} | {test.samples for test in now})
    if len(tests) > 1:
        text = f"the test split has changed: {' against '.join(map(str, tests))} samples; freeze a new baseline"
        return _Compared(GateEntry("top1", what, "invalid", text, limit=-limit, n=len(rows)))
    entry = GateEntry(
        kind="top1",
        what=what,
        status="inconclusive",
        message="",
        baseline=estimate(was).mean,
        current=estimate([test.top1 for test in now]).mean,
        limit=-limit,
        n=len(rows),
    )
    if all(bits_hash(test.correct_bits) == row.bits_sha256 for test, row in zip(now, rows, strict=True)):
        text = f"the same {tests[0]} predictions, right and wrong, in {several(len(rows), 'seed')}"
        return _Compared(replace(entry, status="pass", message=text, estimate=0.0))
    differences = [test.top1 - before for test, before in zip(now, was, strict=True)]
    if not spread(differences):
        return _Compared(_judge_constant(entry, differences[0]))
    bounded = replace(
        entry,
        estimate=estimate(differences).mean,
        lower=one_sided_bound(differences, PASS_CONFIDENCE, "lower"),
        upper=one_sided_bound(differences, FAIL_CONFIDENCE, "upper"),
    )
    return _Compared(bounded, p_below(differences, -limit))


def _judge_constant(entry: GateEntry, change: float) -> GateEntry:
    """Without a spread: a change that is equal in all seeds is judged as it is; one seed alone is not judged."""
    assert entry.limit is not None
    allowed = f"allowed {points(entry.limit)}"
    if entry.n == 1:
        text = f"not judged: one seed ({points(change)} points, {allowed}; one seed has no spread to judge by)"
        return replace(entry, status="unjudged", estimate=change, message=text)
    text = f"{points(change)} points in each of {entry.n} seeds, {allowed}"
    return replace(entry, status="fail" if change < entry.limit - ROUNDING else "pass", estimate=change, message=text)


def _decide(entry: GateEntry, adjusted_p: float | None, family: int) -> GateEntry:
    """Fail where Holm rejects 'within the limit', pass where the lower bound clears it."""
    if entry.message:
        return entry
    assert entry.estimate is not None
    assert entry.limit is not None
    assert adjusted_p is not None
    assert entry.lower is not None
    assert entry.upper is not None
    change = f"{points(entry.estimate)} points over {several(entry.n or 0, 'seed')}"
    bounds = f"lower 95 % bound {points(entry.lower)}, upper 99 % bound {points(entry.upper)}"
    message = f"{change} ({bounds}), allowed {points(entry.limit)}"
    if adjusted_p < 1 - FAIL_CONFIDENCE:
        return replace(entry, status="fail", message=message)
    if entry.lower > entry.limit:
        return replace(entry, status="pass", message=message)
    if entry.upper < entry.limit:
        message += f"; not significant once {family} comparisons share the error (Holm)"
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


def smallest_detectable(results: ResultSet, pair: str, row: str) -> float | None:
    """The least drop of a student's top-1 that its seeds can show, as a fraction; None without a variance.

    The paired difference's SD is unknown before there is a second run: sqrt(2) times the SD over seeds bounds
    it from above, as if seeds shared nothing.
    """
    top1 = _student_top1(results, pair, row)
    sd, sds = spread(top1), detectable_sds(len(top1))
    return 2**0.5 * sd * sds if sd and sds is not None else None


def undetectable_gates(results: ResultSet) -> list[str]:
    """For each accuracy gate that its seeds cannot judge: what is wrong, and which seeds or `may_drop` would do."""
    problems = []
    for index, gate in enumerate(results.suite.gates):
        if gate.metric != "top1" or gate.may_drop is None:
            continue
        for pair, row in dict.fromkeys((e.pair, e.row) for e in results.run.entries if e.role == "student"):
            top1 = _student_top1(results, pair, row)
            at = f"gates[{index}] allows a drop of {100 * gate.may_drop:.2f} points of '{row}' ({pair})"
            if len(top1) == 1:
                problems.append(f"{at}, but one seed has no spread to judge a drop by: use at least 5 seeds")
            least = smallest_detectable(results, pair, row)
            if least is not None and gate.may_drop < least:
                shown = f"{len(top1)} seeds show no drop under {100 * least:.2f} points at 80 % power"
                problems.append(f"{at}, but {shown}: {_remedy(top1, gate.may_drop, least)}")
    return problems


def _student_top1(results: ResultSet, pair: str, row: str) -> list[float]:
    return [
        result.test.top1
        for entry, result in results.done
        if (entry.pair, entry.role, entry.row) == (pair, "student", row)
    ]


def _remedy(top1: Sequence[float], may_drop: float, least: float) -> str:
    sd = 2**0.5 * (spread(top1) or 0.0)
    wide = f"may_drop = {-(-least * 1000 // 1) / 1000:.3f}"
    enough = next((n for n in range(len(top1) + 1, MOST_SEEDS) if sd * (detectable_sds(n) or 1e9) <= may_drop), None)
    return f"use {enough} seeds or {wide}" if enough else f"use {wide} (no {MOST_SEEDS} seeds would do)"
