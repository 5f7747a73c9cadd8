"""kdbench's timing of a pair, with calls of the candidate made slower.

After each call of the session of `candidate.onnx` it waits, busily, for a share of what a call takes: the true ratio is
1 + this share, whatever else the machine does.
"""

import statistics
import time
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

from kdbench.deploy.runtime.session import open_session
from kdbench.deploy.timing import measurements
from kdbench.deploy.timing.calls import Call, caller, warm_up
from kdbench.execute.jobs.records import TimePair
from kdbench.execute.jobs.timing import time_pair
from kdbench.results.timings import Round

PROBED = 200  # calls that say how long one takes


class TimeSlowedPair(TimePair):
    """A pair whose candidate is slower by this share."""

    function: ClassVar[str] = "tests.methods.slowed:time_slowed_pair"
    share: float


def time_slowed_pair(job: TimeSlowedPair) -> Round:
    """The pair's timing with functions in the place of those that open and call sessions."""
    slow: list[Any] = []

    def opened(path: Path, config: Any) -> Any:
        session = open_session(path, config)
        if path.name == "candidate.onnx":
            slow.append(session)
        return session

    def called(session: Any, *how: Any) -> Call:
        call = caller(session, *how)
        if not any(session is each for each in slow):
            return call
        warm_up(call)
        wait = int(job.share * statistics.median(call() for _ in range(PROBED)))

        def slower() -> int:
            took = call()
            start = time.perf_counter_ns()
            while (waited := time.perf_counter_ns() - start) < wait:
                pass
            return took + waited

        return slower

    with (
        mock.patch.object(measurements, "open_session", opened),
        mock.patch.object(measurements, "caller", called),
    ):
        return time_pair(job)
