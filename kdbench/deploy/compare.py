"""Two exported files timed against each other, slice by slice, in one process. No torch."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kdbench.deploy.jobs import TIMEOUT_SECONDS, WORKER, CompareJob, NoAnswer, SessionPairTimed, ask_worker
from kdbench.deploy.latency import require_provider, saved_samples
from kdbench.results import NotMeasured, SlicePair


def compare_latency(
    candidate: Path,
    reference: Path,
    images: NDArray[np.float32],
    *,
    provider: str,
    threads: int,
    batch: int,
    sessions: int = 5,
    pairs: int = 8,
    architecture: str = "",
    command: tuple[str, ...] = WORKER,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> tuple[tuple[SlicePair, ...], ...] | NotMeasured:
    """One round: `sessions` re-created pairs of sessions with `pairs` slice pairs each, or the reason for none.

    A slice is 10 ms and at least 3 calls; microseconds per call. `images` as for `measure_latency`. `architecture`
    only names what was not measured. Raises `UserError` for a provider that does not exist anywhere.
    """
    require_provider(provider)
    try:
        with saved_samples(images, batch) as path:
            job = CompareJob(
                candidate=str(candidate.resolve()),
                reference=str(reference.resolve()),
                images=str(path),
                provider=provider,
                threads=threads,
                batch=batch,
                sessions=sessions,
                pairs=pairs,
            )
            answers = ask_worker(job, command=command, timeout_seconds=timeout_seconds)
        timed = tuple(answer.pairs for answer in answers if isinstance(answer, SessionPairTimed))
        if len(timed) != sessions:
            raise NoAnswer(f"the latency worker gave {len(timed)} of {sessions} pairs of sessions")
    except NoAnswer as error:
        return NotMeasured(
            architecture=architecture, provider=provider, threads=threads, batch=batch, reason=str(error)
        )
    return timed
