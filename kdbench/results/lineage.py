"""What weights cost beside the last training: those that it goes on from."""

from collections.abc import Callable, Sequence

from kdbench.results.records import TrainingCost, TrialRecord


def earlier(record: TrialRecord, read: Callable[[str], TrialRecord | None]) -> tuple[TrainingCost, ...]:
    """The trainings of all trials that a trial goes on from, each once: tasks of a stream, clients of a federation.

    `read` gives a record by its key; None where there is none any more. Members of an ensemble are no part of it. A
    trial that takes another head out of the weights of one has that one's cost as its own already.
    """
    found: dict[str, TrainingCost] = {}
    waiting, seen = [record], set[str]()
    while waiting:
        for key in _starts(waiting.pop()):
            if key not in seen and (start := read(key)):
                seen.add(key)
                waiting.append(start)
                if not _is_taken_out(start):
                    found[key] = start.training
    if _is_taken_out(record):
        found.pop(_starts(record)[0], None)
    return tuple(found.values())


def _starts(record: TrialRecord) -> Sequence[str]:
    return () if record.trial.combine else record.trial.start


def _is_taken_out(record: TrialRecord) -> bool:
    return len(_starts(record)) == 1 and record.trial.train.epochs == 0
