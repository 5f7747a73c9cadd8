"""Whether distillation helps in a pair, and which losses cannot be told apart from the best: one sentence a pair."""

from collections.abc import Sequence

from kdbench.analyze.decisions.choice import Evidence, comparable, evidence_of
from kdbench.analyze.decisions.wording import EQUAL, called, listed, named, points
from kdbench.analyze.models.pairs import PairSummary
from kdbench.analyze.models.rows import StudentRow
from kdbench.statistics.paired import SEEDS_FOR_A_CLAIM, crossed_difference, holm
from kdbench.statistics.verdicts import ALPHA

SHOWN = 5  # names of a group


def group_sentences(pairs: Sequence[PairSummary]) -> tuple[str, ...]:
    """Of each pair that has a row with seeds enough for a claim."""
    return tuple(text for pair in pairs if (text := _sentence(pair, several=len(pairs) > 1)))


def tied(pair: PairSummary) -> tuple[StudentRow, ...]:
    """The rows that are not shown to be worse than the best on validation, that one first; the student alone aside.

    They are compared with it on test, paired by seed and sample; Holm's p-values count all of them. Rows of other
    epochs, untuned ones where others are tuned, and those with collapsed seeds take no part.
    """
    rows = _rivals(pair)
    if not rows:
        return ()
    best = max(rows, key=lambda row: row.validation.mean)
    return best, *_not_worse([row for row in rows if row is not best], best)


def as_good(row: StudentRow, others: Sequence[StudentRow]) -> tuple[StudentRow, ...] | None:
    """The other rows that are not shown to be less accurate on test; None where there are no seeds for that."""
    compared = [other for other in others if other is not row and not other.unstable]
    if not compared or len(row.learned) < SEEDS_FOR_A_CLAIM:
        return None
    return tuple(_not_worse(compared, row))


def as_good_sentence(row: StudentRow, others: Sequence[StudentRow]) -> tuple[str, ...]:
    """What else is as good as a row that is shipped; nothing where it is not known."""
    found = as_good(row, others)
    if found is None:
        return ()
    if not found:
        return (f"Every other row is shown to be less accurate than {named(row)}.",)
    return (f"Not shown to be less accurate: {listed([named(each) for each in found], SHOWN, '; ')}.",)


def _not_worse(rows: Sequence[StudentRow], best: StudentRow) -> list[StudentRow]:
    """Those that are not shown to be worse on test, by seed and sample, with Holm over all; the most accurate first."""
    compared = [(row, found) for row in rows if (found := crossed_difference(row.scores, best.scores))]
    p_values = holm([1.0 if found.p_value is None else found.p_value for _, found in compared])
    same = [row for (row, found), p in zip(compared, p_values, strict=True) if p > ALPHA or found.estimate.mean > 0]
    return sorted(same, key=lambda row: -row.top1.mean)


def _rivals(pair: PairSummary) -> list[StudentRow]:
    return [row for row in comparable(pair.students) if not row.alone and not row.unstable]


def _sentence(pair: PairSummary, several: bool) -> str:
    group = tied(pair)
    evidence = evidence_of(pair, group[0]) if group else None
    if evidence is None or not evidence.difference.claims:
        return ""
    where, start = (f"{pair.pair}: ", "distillation") if several else ("", "Distillation")
    what = start if group[0].agreement else called(group[0])
    gain = f"{points(evidence.difference.estimate.mean)} points at {EQUAL[evidence.equal]}"
    if evidence.equal == "cost" and (epochs := group[0].gains.get("epochs")):
        gain += f", {points(epochs.difference.estimate.mean)} at {EQUAL['epochs']}"
    names = [called(row) for row in group]
    if len(names) > 1:
        return f"{where}{what} {_verb(evidence)} ({gain}); {listed(names, SHOWN)} are tied with each other."
    rest = "; all other rows are worse" if len(_rivals(pair)) > 1 else ""
    return f"{where}{what} {_verb(evidence)} ({gain}, with {names[0]}{rest})."


def _verb(evidence: Evidence) -> str:
    if evidence.holds:
        return "helps"
    return "hurts" if evidence.interval and evidence.interval.high < 0 else "is not shown to help"
