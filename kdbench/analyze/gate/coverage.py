"""What a baseline holds of a suite, what the suite has beyond it, and what has changed since."""

from collections.abc import Iterable, Mapping

from kdbench.analyze.comparisons.changes import Change, machine_changes, package_changes, suite_changes
from kdbench.analyze.decisions.wording import listed, several
from kdbench.results import Baseline, ResultSet
from kdbench.results.baselines.baseline import Place, place_of
from kdbench.results.baselines.matching import counterparts, moves_of
from kdbench.statistics.paired import SEEDS_FOR_A_CLAIM

MOST_NAMED = 5


def covers(baseline: Baseline) -> str:
    """`The baseline holds 1 pair, 4 rows and 3 seeds (run ..., of ...), by gates of top1, latency.`"""
    students = [row for row in baseline.rows if row.role == "student"]
    counts = (
        (len({row.pair for row in students}), "pair"),
        (len({row.place for row in students}), "row"),
        (len({row.seed for row in students}), "seed"),
    )
    held = listed([several(number, noun) for number, noun in counts], len(counts))
    gates = ", ".join(gate.label for gate in baseline.gates)
    return f"The baseline holds {held} of students (run {baseline.run}, {baseline.frozen}), by gates of {gates}."


def beyond(baseline: Baseline, results: ResultSet) -> tuple[str, ...]:
    """What the suite has and the baseline does not, and so is not judged."""
    held = {place: {row.seed for row in rows} for place, rows in baseline.by_place.items()}
    new: dict[Place, set[int]] = {}
    for entry, _ in results.done:
        new.setdefault(place_of(entry), set()).add(entry.seed)
    rows = [" / ".join(place) for place in new if place not in held]
    unjudged = [place for place, seeds in held.items() if len(seeds) < SEEDS_FOR_A_CLAIM]
    seeds = sorted({seed for place in unjudged for seed in new.get(place, set()) - held[place]})
    found = [f"{several(len(rows), 'row')}: {listed(rows, MOST_NAMED)}"] if rows else []
    found += [f"{several(len(seeds), 'seed')}: {listed([str(seed) for seed in seeds], MOST_NAMED)}"] if seeds else []
    if baseline.spec.gates != results.suite.gates:
        found.append("the gates of the suite are others now: those of the baseline hold, until a new one is frozen")
    return tuple(found)


def what_changed(baseline: Baseline, results: ResultSet) -> Mapping[str, tuple[Change, ...]]:
    """What differs in the "suite", the "packages" and the "machine", which has the commits too."""
    was, now = baseline.machine, results.run.machine
    changes = {
        "suite": suite_changes(baseline.suite, results.run.suite),
        "packages": package_changes(was, now),
        "machine": machine_changes(was, now),
    }
    return {name: found for name, found in changes.items() if found}


def notes_on(baseline: Baseline, results: ResultSet) -> Iterable[str]:
    """What does not affect the verdict and may explain it: other names, operators, opsets.

    The baseline is the one that follows the suite's present names.
    """
    yield from moves_of(baseline.spec, results.suite).told
    for was, now in ((model, each) for model in baseline.models for each in counterparts(model, results)):
        before, after = was.facts, now.result.model
        if changed := _changes(before.operators, after.operators):
            yield f"{now.title}: operators differ: {changed}"
        if after.opset != before.opset:
            yield f"{now.title}: opset {before.opset} before, {after.opset} now"


def _changes(before: Mapping[str, object], after: Mapping[str, object]) -> str:
    """`Conv 4 -> 5, Relu 3 -> none` over all names whose values differ."""
    names = sorted(before.keys() | after.keys())
    differing = [name for name in names if before.get(name) != after.get(name)]
    return ", ".join(f"{name} {before.get(name, 'none')} -> {after.get(name, 'none')}" for name in differing)
