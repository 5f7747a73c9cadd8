"""`python -m tests.methods.slowed SHARE`: kdbench's timing worker, with calls of the candidate made slower.

After each call of the session of `candidate.onnx` it waits, busily, for this share of what a call takes: the true ratio
is 1 + SHARE, whatever else the machine does.
"""

import statistics
import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock

from kdbench.deploy.runtime.session import open_session
from kdbench.deploy.timing import latency_worker
from kdbench.deploy.timing.calls import Call, caller, warm_up

PROBED = 200  # calls that say how long one takes


def run_slowed(share: float) -> None:
    """Run the worker with functions in the place of those that open and call sessions."""
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
        wait = int(share * statistics.median(call() for _ in range(PROBED)))

        def slower() -> int:
            took = call()
            start = time.perf_counter_ns()
            while (waited := time.perf_counter_ns() - start) < wait:
                pass
            return took + waited

        return slower

    with mock.patch.object(latency_worker, "open_session", opened), mock.patch.object(latency_worker, "caller", called):
        latency_worker.main()


if __name__ == "__main__":
    run_slowed(float(sys.argv[1]))
