"""Carries out the jobs of latency trials, in processes in which torch is not imported."""

import time
from pathlib import Path
from statistics import fmean

import numpy as np

from kdbench.deploy.runtime.session import CannotMeasure, configure, open_session
from kdbench.deploy.timing.calls import Call, caller, prepare
from kdbench.deploy.timing.measurements import time_pairs
from kdbench.execute.selftest.jobs import Alone, AloneTimed, TimeAlone, TimeTurns, TurnsTimed
from kdbench.execute.timing.rounds import PAIRS
from kdbench.execute.workers.job import NoAnswer

# pytest-benchmark 5.3: `max_time`, and a round is one call where that takes over 5 microseconds.
CALLS_SECONDS = 1.0
# asv 0.6: of each of two processes five samples of 10 ms, after a tenth of a second.
SAMPLES, SAMPLE_SECONDS, WARM_UP_SECONDS = 5, 0.01, 0.1


def time_turns(job: TimeTurns) -> TurnsTimed:
    """One pair of sessions of each pair of files. Raises `NoAnswer`."""
    samples = Path(job.samples)
    try:
        timed = [
            time_pairs((Path(candidate), Path(reference)), samples, job.how, job.dimensions, sessions=1, pairs=PAIRS)
            for candidate, reference in job.pairs
        ]
    except CannotMeasure as reason:
        raise NoAnswer(str(reason)) from reason
    return TurnsTimed(sessions=tuple(session for each in timed for session in each.sessions))


def time_alone(job: TimeAlone) -> AloneTimed:
    """Each file in a session of its own. Raises `NoAnswer`."""
    batches = prepare(np.load(job.samples), job.how.batch)
    config = configure(job.how, job.dimensions)
    found = []
    for file in job.alone:
        try:
            call = caller(open_session(Path(file), config), batches, job.how)
        except CannotMeasure as reason:
            raise NoAnswer(str(reason)) from reason
        calls = _calls(call, CALLS_SECONDS) if job.calls else []
        _calls(call, WARM_UP_SECONDS)
        samples = [fmean(_calls(call, SAMPLE_SECONDS)) for _ in range(SAMPLES)]
        found.append(Alone(calls=tuple(calls), samples=tuple(samples)))
    return AloneTimed(files=tuple(found))


def _calls(call: Call, seconds: float) -> list[float]:
    """Microseconds of each call until so many seconds have passed."""
    took: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or not took:
        took.append(call() / 1e3)
    return took
