"""Samples per second against batch size: batches double until that gains nothing, or cannot be done."""

import statistics
from collections.abc import Generator, Sequence

import psutil

from kdbench.execute.events import RunEvent
from kdbench.execute.jobs.records import TimePair
from kdbench.execute.timing.rounds import measure
from kdbench.execute.workers.job import NoAnswer
from kdbench.execute.workers.place import Place
from kdbench.results.timings import BatchTimed

SESSIONS = 5
PAIRS = 2
GAIN = 1.02  # less than so much more in two doublings: saturated
PATIENCE = 2
MOST_SECONDS = 3.0  # of one call
MEMORY_SHARE = 0.25  # of what is free, for a batch's inputs: activations take several times as much

Swept = tuple[tuple[BatchTimed, ...], str]


def sweep(job: TimePair, largest: int, sample_bytes: int, place: Place) -> Generator[RunEvent, None, Swept]:
    """Time batches 1, 2, 4 ... up to `largest`, each in a process of its own; returns them, and why there are no more.

    `job` says what is timed, whatever its batch and rounds.
    """
    timed: list[BatchTimed] = []
    batch = 1
    while batch <= largest:
        if batch * sample_bytes > MEMORY_SHARE * psutil.virtual_memory().available:
            return tuple(timed), f"a batch of {batch} needs too much of the free memory"
        how = job.how.model_copy(update={"batch": batch})
        asked = job.model_copy(update={"how": how, "sessions": SESSIONS, "pairs": PAIRS})
        try:
            found = yield from measure(asked, place)
        except NoAnswer as reason:
            return tuple(timed), f"batch {batch}: {reason}"
        timed.append(BatchTimed(batch=batch, sessions=found.sessions))
        if enough := why_enough(timed):
            return tuple(timed), enough
        batch *= 2
    return tuple(timed), f"the largest batch asked for, {largest}"


def why_enough(timed: Sequence[BatchTimed]) -> str | None:
    """Why no larger batch than these is worth timing; none where one is."""
    best, since, seconds = 0.0, 0, 0.0
    for each in timed:
        seconds = statistics.median(pair.candidate_mean for session in each.sessions for pair in session) / 1e6
        rate = each.batch / seconds
        best, since = (rate, 0) if rate > GAIN * best else (best, since + 1)
    if since >= PATIENCE:
        return f"no more than {100 * (GAIN - 1):.0f} % gained in {PATIENCE} doublings"
    if seconds > MOST_SECONDS:
        return f"a call of batch {timed[-1].batch} takes {seconds:.1f} s"
    return None
