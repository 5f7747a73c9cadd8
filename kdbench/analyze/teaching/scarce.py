"""Students that were given few samples: accuracy by samples, and what the student alone needs for the same."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kdbench.analyze.models.pairs import PairSummary, single_ways
from kdbench.analyze.models.rows import StudentRow
from kdbench.results import TrialResult
from kdbench.spec import Suite
from kdbench.spec.choice import Choice
from kdbench.statistics.survival import Saving, saving

SCARCE = "scarce"
AMOUNTS = ("share", "per_class")  # the options that say how many samples there are


@dataclass(frozen=True)
class ScarcePoint:
    """One row: so many labelled samples, and what the student alone needs to be as accurate on test."""

    samples: int
    row: StudentRow
    saving: Saving | None  # None for the student alone


@dataclass(frozen=True)
class ScarceCurve:
    """One loss under one kind of scarcity, by rising samples, up to all of them where that was run."""

    pair: str
    loss: str
    under: str  # what the way of teaching says beside the number of samples: 'teacher=part'; empty for its defaults
    alone: bool
    points: tuple[ScarcePoint, ...]


def scarce_curves(
    pairs: Iterable[PairSummary], suite: Suite, trials: Mapping[str, TrialResult]
) -> tuple[ScarceCurve, ...]:
    """The student alone of each pair first; none for suites without such a way of teaching."""
    ways = {way.label: way for way in suite.teaching if way.use == SCARCE}
    return tuple(curve for pair in pairs for curve in _curves(pair, suite, ways, trials)) if ways else ()


def _curves(
    pair: PairSummary, suite: Suite, ways: Mapping[str, Choice], trials: Mapping[str, TrialResult]
) -> list[ScarceCurve]:
    rows = [row for row in pair.students if row.budget == 1 and not row.tuned]
    # The student alone sees nothing but its labelled samples, so that its curve tells how many these are.
    samples = {_amount(ways.get(row.teaching)): _seen(row, trials) for row in rows if row.alone}
    groups: dict[tuple[str, str], list[tuple[int, StudentRow]]] = {}
    whole = {row.loss: row for row in rows if row.teaching in single_ways(suite)}
    for row in rows:
        amount = _amount(ways.get(row.teaching))
        if row.teaching in ways and amount in samples:
            under = "" if row.alone else _under(ways[row.teaching])
            groups.setdefault((row.loss, under), []).append((samples[amount], row))
    for (loss, _), members in groups.items():
        if loss in whole and (_amount(None) in samples):
            members.append((samples[_amount(None)], whole[loss]))
    rising = {name: _rising(members) for name, members in groups.items()}
    alone = next((members for members in rising.values() if members[0][1].alone), [])
    found = [
        ScarceCurve(pair.pair, loss, under, members[0][1].alone, tuple(_point(each, alone) for each in members))
        for (loss, under), members in rising.items()
    ]
    return sorted(found, key=lambda curve: not curve.alone)


def _rising(members: Sequence[tuple[int, StudentRow]]) -> list[tuple[int, StudentRow]]:
    """By samples, each number of them once: ways of teaching may share the student alone."""
    return sorted(dict(members).items(), key=lambda each: each[0])


def _point(member: tuple[int, StudentRow], alone: Sequence[tuple[int, StudentRow]]) -> ScarcePoint:
    samples, row = member
    if row.alone or not alone:
        return ScarcePoint(samples, row, None)
    used = {seed: (float(samples), top1) for seed, top1 in row.test_by_seed.items()}
    rival = {
        seed: [(float(amount), each.test_by_seed[seed]) for amount, each in alone if seed in each.test_by_seed]
        for seed in used
    }
    return ScarcePoint(samples, row, saving(used, rival))


def _amount(way: Choice | None) -> tuple[object, ...]:
    """How many samples a way of teaching leaves, as its options say it; all without one."""
    return tuple(way.options.get(name) for name in AMOUNTS) if way else ()


def _seen(row: StudentRow, trials: Mapping[str, TrialResult]) -> int:
    """Training samples that each epoch goes through."""
    last = trials[row.seeds[0].key].curve[-1]
    return round(last.samples / last.epoch) if last.epoch else 0


def _under(way: Choice) -> str:
    """The options beside the amount that are not usual."""
    usual = {"teacher": "all", "rest": "unused", "longer": way.options.get("longer")}
    odd = {name: value for name, value in way.options.items() if name not in AMOUNTS and usual.get(name) != value}
    return ", ".join(f"{name}={value}" for name, value in odd.items())
