"""What is shown of a pair's choice: ship it, undecided, or nothing to ship; each in one line, with its reason."""

from dataclasses import dataclass
from typing import Literal

from kdbench.analyze.decisions.choice import Evidence, Pick, comparable
from kdbench.analyze.decisions.power import seeds_to_tell
from kdbench.analyze.decisions.wording import EQUAL, called, named, percent, points, points_interval, several, spread
from kdbench.analyze.models.rows import StudentRow
from kdbench.spec.planning.entry import ALONE, SINGLE
from kdbench.statistics.paired import EQUIVALENCE, SEEDS_FOR_A_CLAIM
from kdbench.statistics.verdicts import ALPHA

Kind = Literal["ship", "undecided", "nothing"]


@dataclass(frozen=True)
class Answer:
    """A headline of one of three kinds, and one sentence that gives its reason."""

    kind: Kind
    headline: str
    reason: str


def answer(pick: Pick, chance: float | None) -> Answer:
    """`chance` is the top-1 of guessing; None where it is unknown."""
    if refused := _no_student(pick.row, chance) or _no_control(pick):
        return refused
    right = percent(pick.row.top1.mean)
    lacking = _lacking(pick)
    if lacking is None:
        return Answer("ship", f"Ship {named(pick.row)}", f"It gets {right} of the test samples right{_shown(pick)}.")
    until = f"Until that is told, take {named(pick.row)}, which gets {right} right."
    return Answer("undecided", f"Undecided: {lacking} would tell", f"{_not_shown(pick)}. {until}")


def nothing(because: str, reason: str) -> Answer:
    return Answer("nothing", f"Nothing to ship, because {because}", reason)


def _no_student(row: StudentRow, chance: float | None) -> Answer | None:
    """Where most seeds collapsed, or a row is not shown to be better than guessing."""
    lost, seeds = row.stability.collapsed or 0, len(row.seeds)
    guessing = f"; guessing gets {percent(chance)}" if chance else ""
    right = f"It gets {percent(row.stability.mean)} of the test samples right, over all seeds{guessing}."
    if 2 * lost > seeds:
        return nothing(f"{lost} of {several(seeds, 'seed')} of {named(row)} collapsed", right)
    if chance and row.top1.interval and row.top1.interval.low <= chance:
        return nothing(f"{named(row)} is not shown to be better than guessing", right)
    return None


def _no_control(pick: Pick) -> Answer | None:
    if pick.pair.alone:
        return None
    return nothing("the student alone was not run", f"What {named(pick.row)} gains is unknown: run '{ALONE.use}', too.")


def _lacking(pick: Pick) -> str | None:
    """What would tell, by the spread seen: '12 more seeds'; None where something is shown."""
    evidence, seeds = pick.evidence, len(pick.candidate.seeds)
    if evidence is None:
        missing = SEEDS_FOR_A_CLAIM - (seeds if pick.candidate.alone else 0)
        return several(missing, "more seed") if missing > 0 else None
    shared, found = len(evidence.difference.seeds), evidence.difference.estimate
    if evidence.difference.claims and (evidence.holds or pick.candidate.unstable or _small(evidence)):
        return None
    away = max(found.mean, EQUIVALENCE - found.mean)  # from no gain, or from one of consequence
    needed = seeds_to_tell(evidence.difference, away, ALPHA / evidence.family)
    return several(max(needed - shared, 1), "more seed") if needed else "more test samples, and not more seeds,"


def _small(evidence: Evidence) -> bool:
    """Whether a gain of consequence is excluded; without an interval no seed and no sample differs."""
    high = evidence.interval.high if evidence.interval else evidence.difference.estimate.mean
    return high < EQUIVALENCE


def _shown(pick: Pick) -> str:
    """Why a row is shipped."""
    if pick.evidence:
        who = " and" if pick.row is pick.candidate else f": {_leader(pick)}"
        return f"{who} {_gain(pick.evidence)}"
    if len(pick.pair.students) == 1:
        return ": it is the only student of its pair"
    ways = any(each.teaching not in ("", SINGLE) for each in pick.pair.students)
    what = "other loss or way of teaching" if ways else "loss"
    better = any(each.validation.mean > pick.row.validation.mean for each in comparable(pick.pair.students))
    return f": no {what}{' for this network' if better else ''} is better on validation"


def _not_shown(pick: Pick) -> str:
    """Why nothing can be shipped yet."""
    seeds = len(pick.candidate.seeds)
    if seeds < SEEDS_FOR_A_CLAIM:
        leads = "" if pick.candidate.alone else f", in which {called(pick.candidate)} leads on validation"
        return f"With {several(seeds, 'seed')} this is a smoke test{leads}"
    if pick.evidence is None:
        return f"{_leader(pick, 'The')} has no seed in common with the student alone"
    return f"{_leader(pick, 'The')} {_gain(pick.evidence)}"


def _leader(pick: Pick, the: str = "the") -> str:
    lost = f", with {pick.candidate.stability.collapsed} collapsed seeds" if pick.candidate.unstable else ""
    return f"{the} best loss on validation, {called(pick.candidate)}{lost},"


def _gain(evidence: Evidence) -> str:
    """'gains +3.00 points over the student alone at equal epochs (95 % interval +2.80 to +3.20, on 5 seeds ..)'."""
    seeds = several(len(evidence.difference.seeds), "seed")
    on = f"on {seeds} that took no part in the choice" if evidence.apart else f"on the {seeds} of the choice"
    over = f"for all {evidence.family} rows together, " if evidence.family > 1 else ""
    interval = f"95 % interval {points_interval(evidence.interval)}, " if evidence.interval else ""
    mean = evidence.difference.estimate.mean
    gain = f"gains {points(mean)} points over" if mean >= 0 else f"loses {spread(-mean)} points to"
    return f"{gain} the student alone at {EQUAL[evidence.equal]} ({interval}{over}{on})"
