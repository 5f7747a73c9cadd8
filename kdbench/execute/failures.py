"""Trials that failed or were skipped: the store keeps why, so that what would end so again is not begun again."""

from collections.abc import Iterable, Mapping

from pydantic import JsonValue

from kdbench.execute.events import TrialEnded
from kdbench.execute.workers.place import Place
from kdbench.results import FailureRecord, Outcome, Store
from kdbench.results.machine.facts import timestamp

# The same code on the same machine computes the same bits, and diverges where it did before.
SAME = ("kdbench_source", "versions", "cpu", "gpus")


def remember(ended: TrialEnded, place: Place, machine: Mapping[str, JsonValue]) -> None:
    """Keep why a trial was not trained; forget it where the trial is trained now."""
    if ended.status == "done":
        place.store.remove(Store.FAILURES, ended.key)
        return
    record = FailureRecord(
        key=ended.key,
        status=ended.status,
        reason=ended.reason or "no reason was given",
        traceback=ended.traceback,
        repeats=ended.repeats,
        device=place.device,
        machine={fact: machine.get(fact) for fact in SAME},
        finished=timestamp(),
    )
    place.store.write(Store.FAILURES, ended.key, record)


def would_repeat(keys: Iterable[str], place: Place, machine: Mapping[str, JsonValue]) -> dict[str, Outcome]:
    """Those of some trials that would end as they did before: nothing has changed that could change it."""
    found = ((key, place.store.read(Store.FAILURES, key, FailureRecord)) for key in keys)
    return {
        key: Outcome(status=record.status, reason=record.reason)
        for key, record in found
        if record
        and record.repeats
        and record.device == place.device
        and all(record.machine.get(fact) == machine.get(fact) for fact in SAME)
    }
