"""Which student to ship, and why, in sentences."""

from dataclasses import dataclass

from kdbench.analyze.decisions.choice import Evidence, Pick, cost, on_test, pick, trade
from kdbench.analyze.decisions.damaged import variant_warnings
from kdbench.analyze.decisions.limits import limits
from kdbench.analyze.decisions.wording import EQUAL, judged, named, percent, points, points_interval, several
from kdbench.analyze.models.rows import StudentRow
from kdbench.analyze.summary import Summary
from kdbench.spec.planning.entry import SINGLE
from kdbench.statistics.paired import EQUIVALENCE, SEEDS_FOR_A_CLAIM


@dataclass(frozen=True)
class Recommendation:
    """The student to ship (None where none finished), one sentence that states it with the reason, and caveats."""

    student: StudentRow | None
    teacher: str | None
    sentence: str
    caveats: tuple[str, ...]


def recommend(summary: Summary) -> Recommendation:
    """Of each pair the candidate where its gain is confirmed, else the student alone; of the pairs the best trade."""
    picks = [pick(pair) for pair in summary.pairs if pair.students]
    if not picks:
        text = f"No student of '{summary.suite.name}' finished, so there is nothing to ship."
        return Recommendation(None, None, text, _caveats(summary))
    chosen, best = trade(picks)
    teacher = chosen.pair.teacher.model if chosen.pair.teacher else None
    caveats = (*limits(summary, chosen), *_alternatives(summary, chosen, best, picks), *_caveats(summary))
    return Recommendation(chosen.row, teacher, _sentence(chosen, teacher), caveats)


def _sentence(chosen: Pick, teacher: str | None) -> str:
    row = chosen.row
    source = f" by teacher {teacher}" if teacher and row.agreement else ""
    untuned = "" if row.tuned else ", untuned"
    right = f"it gets {percent(row.top1.mean)} of the test samples right"
    kept = f", {percent(row.retention)} of its teacher's accuracy" if row.retention is not None else ""
    if row.speedup:
        ratio = row.speedup
        kept += f" at {ratio.estimate:.2f} times its speed, 95 % interval {ratio.low:.2f} to {ratio.high:.2f}"
    n = len(row.learned)
    over = f" (mean of {n} seeds{kept})" if n > 1 else f" (one seed{kept})"
    return f"Ship {named(row)}{source}{untuned}: {right}{over}, and {_why(chosen)}."


def _why(chosen: Pick) -> str:
    row, candidate, evidence = chosen.row, chosen.candidate, chosen.evidence
    if len(chosen.pair.students) == 1:
        return "it is the only student of its pair that finished"
    if chosen.pair.alone is None:
        return "it is the most accurate on validation; the student alone was not run, so what it gains is unknown"
    if len(candidate.seeds) < SEEDS_FOR_A_CLAIM:
        leads = "" if candidate.alone else f", though '{candidate.row}' leads on validation"
        return (
            f"with {several(len(candidate.seeds), 'seed')} this is a smoke test: no claim that a loss is better{leads}"
        )
    if candidate.alone:
        ways = any(each.teaching not in ("", SINGLE) for each in chosen.pair.students)
        return f"no {'other ' if ways else ''}loss{' or way of teaching' if ways else ''} is better on validation"
    if evidence is None:
        return f"the best loss on validation, '{candidate.row}', has no seed in common with the student alone"
    gain = f"{_gain(evidence)} at {EQUAL[evidence.equal]}"
    if row is candidate:
        return f"its gain over the student alone, {gain}, is confirmed {_on(evidence)}"
    return f"the gain of the best loss on validation, '{candidate.row}', is not confirmed {_on(evidence)}: {gain}"


def _gain(evidence: Evidence) -> str:
    """'+3.00 points (95 % interval +2.80 to +3.20, for all 7 rows together)'."""
    interval = evidence.interval
    together = f", for all {evidence.family} rows together" if evidence.family > 1 else ""
    shown = f" (95 % interval {points_interval(interval)}{together})" if interval else ""
    return f"{points(evidence.difference.estimate.mean)} points{shown}"


def _on(evidence: Evidence) -> str:
    """On which seeds a gain was tested, and how."""
    seeds = evidence.difference.seeds
    if evidence.apart:
        return f"on {several(len(seeds), 'seed')} that took no part in the choice ({', '.join(map(str, seeds))})"
    p = "none" if evidence.holm_p is None else f"{evidence.holm_p:.3f}" if evidence.holm_p >= 0.001 else "under 0.001"
    return f"on the {several(len(seeds), 'seed')} of the choice (Holm p over {several(evidence.family, 'row')}: {p})"


def _alternatives(summary: Summary, chosen: Pick, best: Pick, picks: list[Pick]) -> tuple[str, ...]:
    """The other pairs' students against the chosen one, without those that are both worse and no cheaper."""
    margin = f"{100 * EQUIVALENCE:g} points"
    if chosen is best:
        rule = "Of the pairs' choices this one is the most accurate on validation; where latency matters more, consider"
    else:
        rule = (
            f"Of the pairs' choices this is the cheapest that is not shown to be worse on test by over {margin} than "
            f"the most accurate on validation, {named(best.row)}; instead consider"
        )
    others = [each.row for each in picks if each is not chosen and not _dominated(each.row, chosen.row)]
    found = tuple(f"{rule}: {_alternative(summary, chosen.row, other)}" for other in others)
    return found or (() if chosen is best else (f"{rule.partition(';')[0]}.",))


def _dominated(row: StudentRow, by: StudentRow) -> bool:
    """Whether it is no more accurate on test and no cheaper."""
    return row.top1.mean <= by.top1.mean and cost(row) >= cost(by)


def _alternative(summary: Summary, chosen: StudentRow, other: StudentRow) -> str:
    found = on_test(other, chosen)
    gap = f"{judged(found)} on test" if found else "no seed in common to compare accuracy by"
    ratio = summary.reference.speedup(other.architecture, chosen.architecture) if summary.reference else None
    if ratio:
        times = f"{ratio.estimate:.2f} times its latency (95 % interval {ratio.low:.2f} to {ratio.high:.2f})"
    elif other.scaled_microseconds and chosen.scaled_microseconds:
        times = f"{other.scaled_microseconds / chosen.scaled_microseconds:.2g} times its latency"
    else:
        times = f"{other.flops / chosen.flops:.2g} times its FLOPs" if chosen.flops else "unknown cost"
    return f"{named(other)}, at {gap} and {times}; it gets {percent(other.top1.mean)}."


def _caveats(summary: Summary) -> tuple[str, ...]:
    warnings = variant_warnings(summary.variants)
    if not summary.trouble:
        return warnings
    missing = f"{len(summary.trouble)} of {summary.entries} rows have no result; they are listed with reasons."
    return (*warnings, missing)
