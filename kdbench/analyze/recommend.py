"""Which student to ship, and why, in words that claim no more than the seeds show."""

from dataclasses import dataclass

from kdbench.analyze.rows import PairSummary, StudentRow, Summary
from kdbench.analyze.statistics import EQUIVALENCE, PairedDifference, paired_difference

# Under so many seeds a paired comparison finds only differences of several SDs: it is a smoke test.
SEEDS_FOR_A_CLAIM = 5


@dataclass(frozen=True)
class Recommendation:
    """The student to ship (None where none finished), one sentence that says so and why, and what limits it."""

    student: StudentRow | None
    teacher: str | None
    sentence: str
    caveats: tuple[str, ...]


def recommend(summary: Summary) -> Recommendation:
    """Chosen by mean validation accuracy, never by test; the student alone wins unless another is shown better."""
    winners = [_winner_of_pair(pair) for pair in summary.pairs if pair.students]
    if not winners:
        text = f"No student of '{summary.suite.name}' finished, so there is nothing to ship."
        return Recommendation(None, None, text, _caveats(summary, None))
    chosen = _trade(winners)
    pair = next(pair for pair in summary.pairs if pair.pair == chosen.pair)
    teacher = pair.teacher.model if pair.teacher else None
    others = tuple(_alternative(chosen, other) for other in winners if other is not chosen)
    return Recommendation(chosen, teacher, _sentence(pair, chosen, teacher), others + _caveats(summary, chosen))


def shown_better(row: StudentRow) -> bool:
    """Whether the gain's interval excludes 0 and reaches beyond practical equivalence."""
    interval = row.gain.estimate.interval if row.gain else None
    return row.gain is not None and interval is not None and interval.low > 0 and row.gain.verdict != "equivalent"


def _best_on_validation(pair: PairSummary) -> StudentRow:
    # A mean over fewer seeds than another's is no fair rival; ties go to the student alone, then to the suite's order.
    most = max(len(row.seeds) for row in pair.students)
    full = [row for row in pair.students if len(row.seeds) == most]
    return max(full, key=lambda row: (row.validation.mean, row.alone))


def _winner_of_pair(pair: PairSummary) -> StudentRow:
    best = _best_on_validation(pair)
    alone = pair.alone
    return best if alone is None or best.alone or shown_better(best) else alone


def _trade(winners: list[StudentRow]) -> StudentRow:
    """The most accurate on validation, unless a cheaper one is shown to be practically as accurate."""
    best = max(winners, key=lambda row: row.validation.mean)
    cheaper = sorted((row for row in winners if _cost(row) < _cost(best)), key=_cost)
    return next((row for row in cheaper if (d := _difference(row, best)) and d.verdict == "equivalent"), best)


def _cost(row: StudentRow) -> float:
    return row.p50_microseconds if row.p50_microseconds is not None else float(row.flops)


def _difference(first: StudentRow, second: StudentRow) -> PairedDifference | None:
    a, b = ({seed.seed: seed.top1 for seed in row.seeds} for row in (first, second))
    return paired_difference(a, b)


def _sentence(pair: PairSummary, chosen: StudentRow, teacher: str | None) -> str:
    taught = "trained alone" if chosen.alone else f"trained with '{chosen.loss}'"
    source = f" by teacher {teacher}" if teacher and not chosen.alone else ""
    right = f"it gets {percent(chosen.top1.mean)} of the test samples right"
    kept = f", {percent(chosen.retention)} of its teacher's accuracy" if chosen.retention is not None else ""
    n = len(chosen.seeds)
    over = f" (mean of {n} seeds{kept})" if n > 1 else f" (one seed{kept})"
    return f"Ship {chosen.model} {taught}{source}: {right}{over}, and {_why(pair, chosen)}."


def _why(pair: PairSummary, chosen: StudentRow) -> str:
    if len(pair.students) == 1:
        return "it is the only student of its pair that finished"
    if chosen.alone:
        best = _best_on_validation(pair)
        lead = "" if best.alone else f" ('{best.loss}' leads on validation, but not by what this run can show)"
        if any(shown_better(row) for row in pair.students):
            others = ", ".join(f"'{row.loss}'" for row in pair.students if shown_better(row))
            return f"the best loss on validation is not shown to beat it{lead}; on test {others} would be"
        return f"no loss is shown to beat the student trained alone{lead}"
    if chosen.gain is None or (interval := chosen.gain.estimate.interval) is None:
        return "it is the most accurate on validation; the student alone was not run, so what it gains is unknown"
    gain = f"{points(chosen.gain.estimate.mean)} points over the student alone"
    return (
        f"it is the most accurate on validation, and on test it gains {gain} "
        f"(95 % interval {points(interval.low)} to {points(interval.high)})"
    )


def _alternative(chosen: StudentRow, other: StudentRow) -> str:
    """What another pair's student costs and gives against the chosen one."""
    found = _difference(other, chosen)
    gap = f"{points(found.estimate.mean)} points on test" if found else "no seed in common to compare accuracy by"
    shown = ""
    if found and found.estimate.interval:
        shown = f" (95 % interval {points(found.estimate.interval.low)} to {points(found.estimate.interval.high)})"
    if other.p50_microseconds and chosen.p50_microseconds:
        cost = f"{other.p50_microseconds / chosen.p50_microseconds:.2g} times its latency (unpaired ratio of p50s)"
    else:
        cost = f"{other.flops / chosen.flops:.2g} times its FLOPs" if chosen.flops else "unknown cost"
    name = f"{other.model} " + ("trained alone" if other.alone else f"trained with '{other.loss}'")
    return f"The other pair's choice, {name}, stands at {gap}{shown} and {cost}."


def _caveats(summary: Summary, chosen: StudentRow | None) -> tuple[str, ...]:
    found = []
    if chosen is not None:
        n = len(chosen.seeds)
        if n < SEEDS_FOR_A_CLAIM:
            seeds = f"{n} seed{'s' if n > 1 else ''}"
            found.append(f"With {seeds} this is a smoke test: it claims nothing about which loss is better.")
        found.append(
            "The choice was made by mean validation accuracy; the student alone is kept unless the paired difference "
            f"on test shows a gain that is more than practically nothing (±{100 * EQUIVALENCE:g} points)."
        )
        if summary.teacher_seeds == 1 and not chosen.alone:
            found.append("One teacher stands behind all seeds: the intervals do not include how teachers vary.")
    if summary.trouble:
        found.append(f"{len(summary.trouble)} of {summary.entries} rows have no result; they are listed with reasons.")
    return tuple(found)


def percent(fraction: float) -> str:
    """0.9123 as '91.23 %'."""
    return f"{100 * fraction:.2f} %"


def points(difference: float) -> str:
    """0.0042 as '+0.42': percentage points."""
    return f"{100 * difference:+.2f}".replace("-", "\N{MINUS SIGN}")
