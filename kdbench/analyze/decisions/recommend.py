"""Which student to ship within budgets, how sure that is, what it gives up, and what else there is; in sentences."""

from collections.abc import Sequence
from dataclasses import dataclass

from kdbench.analyze.decisions.answer import Answer, Kind, answer, nothing
from kdbench.analyze.decisions.candidates import Budgets, Candidate, candidates, choose, on_test
from kdbench.analyze.decisions.choice import picks
from kdbench.analyze.decisions.damaged import variant_warnings
from kdbench.analyze.decisions.given_up import given_up
from kdbench.analyze.decisions.groups import as_good_sentence, group_sentences
from kdbench.analyze.decisions.limits import limits, of_the_classes
from kdbench.analyze.decisions.wording import judged, named, percent
from kdbench.analyze.deployment.architectures import ReferenceTiming
from kdbench.analyze.models.rows import StudentRow
from kdbench.analyze.models.variants import VariantRow
from kdbench.analyze.summary import Summary
from kdbench.statistics.paired import EQUIVALENCE

ALTERNATIVES = 3  # that are offered
ANYTHING = Budgets()


@dataclass(frozen=True)
class Recommendation:
    """The answer of a report. Where it is undecided, the student is the one to take until it is told."""

    kind: Kind
    headline: str
    student: StudentRow | None  # None where there is nothing to ship
    variant: VariantRow | None  # of that student; None for its exported file
    teacher: str | None
    reason: str  # and which records it had to do without
    groups: tuple[
        str, ...
    ]  # a sentence for each pair: whether distillation helps, which losses are tied; what is as good
    gives_up: tuple[str, ...]
    alternatives: tuple[str, ...]  # that are more accurate or cheaper
    caveats: tuple[str, ...]


def recommend(summary: Summary, budgets: Budgets = ANYTHING, timing: ReferenceTiming | None = None) -> Recommendation:
    """What to ship within budgets. Latencies are of the timing: the summary's reference, unless another is given."""
    timing = timing or summary.reference
    found = candidates(summary, timing)
    chosen = choose(found, budgets)
    groups = group_sentences(summary.pairs)
    if chosen is None:
        told = _nothing(summary, found)
        caveats = (*of_the_classes(summary), *_missing(summary))
        reason = _with_lost(summary, told)
        return Recommendation(told.kind, told.headline, None, None, None, reason, groups, (), (), caveats)
    pair = chosen.pick.pair
    others = [each for each in found if budgets.allow(each) and each is not chosen]
    return Recommendation(
        kind=chosen.answer.kind,
        headline=chosen.answer.headline,
        student=chosen.row,
        variant=chosen.variant,
        teacher=pair.teacher.model if pair.teacher else None,
        reason=_with_lost(summary, chosen.answer),
        groups=(*groups, *(as_good_sentence(chosen.row, summary.students) if chosen.answer.kind == "ship" else ())),
        gives_up=given_up(summary, chosen),
        alternatives=_alternatives(chosen, others, timing),
        caveats=(
            *_rule(chosen, found, budgets),
            *_longer(chosen),
            *limits(summary, chosen.pick),
            *variant_warnings(summary.variants_of(chosen.row)),
            *_missing(summary),
        ),
    )


def _nothing(summary: Summary, found: Sequence[Candidate]) -> Answer:
    """Why there is nothing to ship, and what there would be."""
    if found:
        times = [each.microseconds for each in found if each.microseconds is not None]
        takes = f"takes at least {min(times):.1f} µs, " if times else ""
        return nothing(
            "no student is within the budgets",
            f"What could be shipped {takes}has at least {min(each.bytes for each in found):,} bytes and "
            f"{min(each.parameters for each in found):,} parameters, and gets at most "
            f"{percent(max(each.top1 for each in found))} of the test samples right.",
        )
    refused = [answer(pick, summary.chance) for pair in summary.pairs if pair.students for pick in picks(pair)]
    unfinished = f"no student of '{summary.suite.name}' finished"
    return refused[0] if refused else nothing(unfinished, "The report lists every row with its reason.")


def _with_lost(summary: Summary, told: Answer) -> str:
    return f"{told.reason} {summary.lost}".rstrip()


def _rule(chosen: Candidate, found: Sequence[Candidate], budgets: Budgets) -> tuple[str, ...]:
    """How the choice between pairs and variants was made, where there was one."""
    allowed = [each for each in found if budgets.allow(each)]
    best = max(allowed, key=lambda each: each.validation)
    if len(allowed) == 1 or best is chosen:
        return ()
    margin = f"{100 * EQUIVALENCE:g} points"
    return (
        f"It is the cheapest that is not shown to be over {margin} worse on test than {best.name}, the best on "
        "validation.",
    )


def _longer(chosen: Candidate) -> tuple[str, ...]:
    """Why another training of the student alone is not taken that gets more of the test samples right."""
    row, students = chosen.row, chosen.pick.pair.students
    better = [each for each in students if row.alone and each.alone and each.top1.mean > row.top1.mean]
    if not better:
        return ()
    best = max(better, key=lambda each: each.top1.mean)
    if best.validation.mean > row.validation.mean:
        return ()
    return (f"{named(best)} gets {percent(best.top1.mean)} right, but is no better on validation, which chooses.",)


def _alternatives(chosen: Candidate, others: Sequence[Candidate], timing: ReferenceTiming | None) -> tuple[str, ...]:
    """The most accurate of those that are either cheaper or more accurate on test, by more than the margin."""
    found = [each for each in others if each.cost < chosen.cost or each.top1 > chosen.top1 + EQUIVALENCE]
    found.sort(key=lambda each: -each.top1)
    return tuple(_alternative(each, chosen, timing) for each in found[:ALTERNATIVES])


def _alternative(other: Candidate, chosen: Candidate, timing: ReferenceTiming | None) -> str:
    """'cnn(width=8) taught by kd, at +0.40 points on test (..) and 2.10 times the latency (..): it gets 83.24 %.'"""
    found = on_test(other, chosen)
    gap = f"{judged(found)} on test" if found else "no seed in common to compare accuracy by"
    return f"{other.name}: {gap}, {_times(other, chosen, timing)}; it gets {percent(other.top1)}."


def _times(other: Candidate, chosen: Candidate, timing: ReferenceTiming | None) -> str:
    """How much one costs compared with another, in use."""
    if timing is None:
        return f"{other.row.flops / chosen.row.flops:.2g} times the FLOPs" if chosen.row.flops else "unknown cost"
    first, second = other.architecture, chosen.architecture
    ratio = timing.speedup(first, second)
    if ratio is None:
        return "the same latency" if first == second else "a latency that was not measured"
    return f"{ratio.estimate:.2f} times the latency (95 % interval {ratio.low:.2f} to {ratio.high:.2f})"


def _missing(summary: Summary) -> tuple[str, ...]:
    if not summary.trouble:
        return ()
    return (f"{len(summary.trouble)} of {summary.entries} rows have no result; they are listed with reasons.",)
