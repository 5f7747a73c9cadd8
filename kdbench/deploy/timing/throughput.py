"""Samples per second against batch size: batches double until that gains nothing, or cannot be done. No torch."""

import statistics
from collections.abc import Generator, Sequence
from pathlib import Path

import psutil

from kdbench.deploy.runtime.session import BATCH
from kdbench.deploy.timing.jobs import NoAnswer
from kdbench.deploy.timing.latency import Images, time_round
from kdbench.results.timings import BatchTimed
from kdbench.spec import How

SESSIONS = 5
PAIRS = 2
GAIN = 1.02  # less than so much more in two doublings: saturated
PATIENCE = 2
MOST_SECONDS = 3.0  # of one call
MEMORY_SHARE = 0.25  # of what is free, for a batch's inputs: activations take several times as much


def sweep(
    candidate: Path, reference: Path, images: Images, how: How, largest: int, dimensions: Sequence[str] = (BATCH,)
) -> Generator[BatchTimed, None, str]:
    """Time batches 1, 2, 4 ... up to `largest`, each in a process of its own; returns why it ended."""
    best, since, batch = 0.0, 0, 1
    while batch <= largest:
        if batch * images[0].nbytes > MEMORY_SHARE * psutil.virtual_memory().available:
            return f"a batch of {batch} needs too much of the free memory"
        at = how.model_copy(update={"batch": batch})
        try:
            found = time_round(candidate, reference, images, at, sessions=SESSIONS, pairs=PAIRS, dimensions=dimensions)
        except NoAnswer as reason:
            return f"batch {batch}: {reason}"
        timed = BatchTimed(batch=batch, sessions=found.sessions)
        yield timed
        call = statistics.median(pair.candidate_mean for session in found.sessions for pair in session) / 1e6
        rate = batch / call
        best, since = (rate, 0) if rate > GAIN * best else (best, since + 1)
        if since >= PATIENCE:
            return f"no more than {100 * (GAIN - 1):.0f} % gained in {PATIENCE} doublings"
        if call > MOST_SECONDS:
            return f"a call of batch {batch} takes {call:.1f} s"
        batch *= 2
    return f"the largest batch asked for, {largest}"
