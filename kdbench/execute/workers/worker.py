"""A worker process: reads one job a line from stdin, and writes what it says of it as lines to stdout.

Run as `python -m kdbench.execute.workers.worker`. What it imports is up to its jobs: torch, where one trains.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from queue import SimpleQueue
from threading import Thread

from kdbench.execute.workers.job import run_job
from kdbench.execute.workers.lines import read_job, write_said

ENDED = 128 + signal.SIGTERM  # the exit code
GRACE = 2.0  # seconds to remove its drafts


def main() -> None:
    """Serve jobs until stdin ends or SIGTERM comes. What a library prints goes to stderr: stdout is for answers."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(ENDED))  # as an exception: drafts are removed on the way out
    try:
        _serve()
    except SystemExit as end:
        if end.code == ENDED:
            os._exit(ENDED)  # at once: taking libraries down can take seconds
        raise


def _serve() -> None:
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as out:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        for line in _lines():
            for said in run_job(read_job(line)):
                out.write(write_said(said))
                out.flush()


def _lines() -> Iterator[bytes]:
    """Lines of stdin. It ends where the parent does: then this process ends too, also in the middle of a job."""
    waiting = SimpleQueue[bytes]()

    def read() -> None:
        for line in sys.stdin.buffer:
            waiting.put(line)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE)
        os._exit(ENDED)  # it is in native code that does not come back

    Thread(target=read, daemon=True).start()
    while True:
        yield waiting.get()


if __name__ == "__main__":
    main()
