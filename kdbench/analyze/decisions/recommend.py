"""Which student to ship, and why: chosen on validation, confirmed on test.

Choosing the best of many losses by test accuracy would ship the luckiest. So each pair has one candidate, the best on
validation. The test split, which was not used for that choice, answers one question: is the candidate's gain over the
student alone above 0?
"""

from dataclasses import dataclass

from kdbench.analyze.decisions.damaged import variant_warnings
from kdbench.analyze.decisions.wording import percent, points, points_interval, several
from kdbench.analyze.models.pairs import PairSummary
from kdbench.analyze.models.rows import StudentRow
from kdbench.analyze.summary import Summary
from kdbench.statistics.paired import EQUIVALENCE, SEEDS_FOR_A_CLAIM, PairedDifference, paired_difference
from kdbench.statistics.verdicts import family_verdicts


@dataclass(frozen=True)
class Recommendation:
    """The student to ship (None where none finished), one sentence that states it with the reason, and caveats."""

    student: StudentRow | None
    teacher: str | None
    sentence: str
    caveats: tuple[str, ...]


def recommend(summary: Summary) -> Recommendation:
    """Each pair's candidate is chosen on validation, and shipped where test confirms its gain, else the one alone."""
    winners = [_winner_of_pair(pair) for pair in summary.pairs if pair.students]
    if not winners:
        text = f"No student of '{summary.suite.name}' finished, so there is nothing to ship."
        return Recommendation(None, None, text, _caveats(summary))
    chosen = _trade(winners)
    pair = next(pair for pair in summary.pairs if pair.pair == chosen.pair)
    teacher = pair.teacher.model if pair.teacher else None
    caveats = (*_limits(summary, chosen), *_alternatives(summary, chosen, winners), *_caveats(summary))
    return Recommendation(chosen, teacher, _sentence(pair, chosen, teacher), caveats)


def confirmed(row: StudentRow) -> bool:
    """Whether the 95 % interval of its gain on test lies above 0, over seeds enough for a claim."""
    interval = row.gain.estimate.interval if row.gain and row.gain.claims else None
    return interval is not None and interval.low > 0


def _with_all_seeds(pair: PairSummary) -> list[StudentRow]:
    # A mean over fewer seeds cannot be compared fairly.
    most = max(len(row.seeds) for row in pair.students)
    return [row for row in pair.students if len(row.seeds) == most]


def _leader(pair: PairSummary) -> StudentRow:
    """The best on validation by mean; ties go to the student alone, then to the suite's order."""
    return max(_with_all_seeds(pair), key=lambda row: (row.validation.mean, row.alone))


def _winner_of_pair(pair: PairSummary) -> StudentRow:
    candidate = _leader(pair)
    return candidate if pair.alone is None or confirmed(candidate) else pair.alone


def _trade(winners: list[StudentRow]) -> StudentRow:
    """The most accurate on validation, unless a cheaper one is shown to be equivalent there."""
    best = max(winners, key=lambda row: row.validation.mean)
    cheaper = sorted((row for row in winners if _cost(row) < _cost(best)), key=_cost)
    return next((row for row in cheaper if (d := _on_validation(row, best)) and _equivalent(d)), best)


def _equivalent(difference: PairedDifference) -> bool:
    return family_verdicts([difference.estimate])[0].word == "equivalent"


def _cost(row: StudentRow) -> float:
    return row.p50_microseconds if row.p50_microseconds is not None else float(row.flops)


def _on_validation(first: StudentRow, second: StudentRow) -> PairedDifference | None:
    return paired_difference(first.validation_by_seed, second.validation_by_seed)


def _sentence(pair: PairSummary, chosen: StudentRow, teacher: str | None) -> str:
    source = f" by teacher {teacher}" if teacher and not chosen.alone else ""
    right = f"it gets {percent(chosen.top1.mean)} of the test samples right"
    kept = f", {percent(chosen.retention)} of its teacher's accuracy" if chosen.retention is not None else ""
    if chosen.speedup:
        ratio = chosen.speedup
        kept += f" at {ratio.estimate:.2f} times its speed, 95 % interval {ratio.low:.2f} to {ratio.high:.2f}"
    n = len(chosen.seeds)
    over = f" (mean of {n} seeds{kept})" if n > 1 else f" (one seed{kept})"
    return f"Ship {_named(chosen)}{source}: {right}{over}, and {_why(pair, chosen)}."


def _named(row: StudentRow) -> str:
    return f"{row.model} " + ("trained alone" if row.alone else f"trained with '{row.row}'")


def _why(pair: PairSummary, chosen: StudentRow) -> str:
    if len(pair.students) == 1:
        return "it is the only student of its pair that finished"
    if chosen.alone:
        leader, n = _leader(pair), len(chosen.seeds)
        if n < SEEDS_FOR_A_CLAIM:
            leads = "" if leader.alone else f", though '{leader.row}' leads on validation"
            return f"with {several(n, 'seed')} this is a smoke test: no claim that a loss is better{leads}"
        if leader.alone:
            return "no loss is better on validation"
        return f"the best loss on validation, '{leader.row}', is not confirmed on test: {_judged(leader.gain)}"
    if chosen.gain is None:
        return "it is the most accurate on validation; the student alone was not run, so what it gains is unknown"
    return f"the best loss on validation gains {_judged(chosen.gain)} on test over the student alone"


def _judged(difference: PairedDifference | None) -> str:
    """'+3.00 points (95 % interval +2.80 to +3.20)'."""
    if difference is None:
        return "no seed in common"
    interval = difference.estimate.interval
    shown = f" (95 % interval {points_interval(interval)})" if interval else ""
    return f"{points(difference.estimate.mean)} points{shown}"


def _alternatives(summary: Summary, chosen: StudentRow, winners: list[StudentRow]) -> tuple[str, ...]:
    """Accuracy and cost of the other pairs' students against the chosen one."""
    others = [row for row in winners if row is not chosen]
    if not others:
        return ()
    if chosen is max(winners, key=lambda row: row.validation.mean):
        rule = (
            "Of the pairs' choices this one is the most accurate on validation; where latency matters more, consider:"
        )
    else:
        rule = "Of the pairs' choices this is cheaper than the most accurate and equivalent to it on validation:"
    return tuple(f"{rule} {_alternative(summary, chosen, other)}" for other in others)


def _alternative(summary: Summary, chosen: StudentRow, other: StudentRow) -> str:
    found = _on_validation(other, chosen)
    gap = f"{_judged(found)} on validation" if found else "no seed in common to compare accuracy by"
    ratio = summary.reference.speedup(other.architecture, chosen.architecture) if summary.reference else None
    if ratio:
        cost = f"{ratio.estimate:.2f} times its latency (95 % interval {ratio.low:.2f} to {ratio.high:.2f})"
    elif other.p50_microseconds and chosen.p50_microseconds:
        cost = f"{other.p50_microseconds / chosen.p50_microseconds:.2g} times its latency"
    else:
        cost = f"{other.flops / chosen.flops:.2g} times its FLOPs" if chosen.flops else "unknown cost"
    return f"{_named(other)}, at {gap} and {cost}; on test it gets {percent(other.top1.mean)}."


def _limits(summary: Summary, chosen: StudentRow) -> tuple[str, ...]:
    """How the choice was made, and its limits."""
    found = []
    n, seeds = len(chosen.seeds), several(len(chosen.seeds), "seed")
    if n < SEEDS_FOR_A_CLAIM:
        found.append(f"With {seeds} this is a smoke test: no claim about which loss is better.")
    found.append(
        "Each pair's candidate was chosen on validation. The test split is used once: the student alone is kept unless "
        "the 95 % interval of the candidate's paired gain on it lies above 0, with at least "
        f"{SEEDS_FOR_A_CLAIM} seeds."
    )
    if lost := chosen.stability.collapsed:
        found.append(
            f"{lost} of its {seeds} collapsed: trained again it may learn hardly anything, so test the model you ship."
        )
    if chosen.gain and chosen.verdict != "better":
        found.append(
            f"The gain is shown to be above 0, but not above {100 * EQUIVALENCE:g} points: against that margin it is "
            f"{chosen.verdict}."
        )
    if summary.teacher_seeds == 1 and not chosen.alone:
        found.append("All seeds have the same teacher: the intervals do not include how teachers vary.")
    return tuple(found)


def _caveats(summary: Summary) -> tuple[str, ...]:
    warnings = variant_warnings(summary.variants)
    if not summary.trouble:
        return warnings
    missing = f"{len(summary.trouble)} of {summary.entries} rows have no result; they are listed with reasons."
    return (*warnings, missing)
