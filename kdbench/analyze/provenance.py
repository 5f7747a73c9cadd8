"""Which records come from another machine, other versions or another kdbench than the run."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from kdbench.results import LatencyRecord, TrialResult

FACTS = ("cpu", "instruction_set", "system", "gpus", "kdbench_source")  # besides the versions of packages
Machine = Mapping[str, JsonValue]


@dataclass(frozen=True)
class Elsewhere:
    """A fact in which records differ from the run they are reported with, and how many of them."""

    fact: str  # of the machine, or the name of a package
    value: JsonValue  # in those records
    trials: int
    timings: int


def find_elsewhere(
    run: Machine, trials: Iterable[TrialResult], timings: Iterable[LatencyRecord]
) -> tuple[Elsewhere, ...]:
    """Each fact and value that differs from the run's, with the number of records, in order of appearance."""
    counts: dict[str, tuple[str, JsonValue, Counter[str]]] = {}
    records = (("trials", trials), ("timings", timings))
    for kind, machine in ((kind, record.machine) for kind, group in records for record in group):
        for fact, value in _differing(run, machine):
            counts.setdefault(f"{fact}={value!r}", (fact, value, Counter()))[2][kind] += 1
    return tuple(Elsewhere(fact, value, n["trials"], n["timings"]) for fact, value, n in counts.values())


def _differing(run: Machine, record: Machine) -> list[tuple[str, JsonValue]]:
    here, there = _versions(run), _versions(record)
    found = [(fact, record.get(fact)) for fact in FACTS if record.get(fact) != run.get(fact)]
    return found + [(name, there.get(name)) for name in sorted(here | there) if here.get(name) != there.get(name)]


def _versions(machine: Machine) -> dict[str, JsonValue]:
    versions = machine.get("versions")
    return dict(versions) if isinstance(versions, dict) else {}
