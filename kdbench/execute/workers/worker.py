"""A worker process: reads one job a line from stdin, and writes what it says of it as lines to stdout.

Run as `python -m kdbench.execute.workers.worker`. What it imports is up to its jobs: torch, where one trains.
"""

import faulthandler
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from threading import Thread

from kdbench.execute.workers.job import run_job
from kdbench.execute.workers.lines import read_job, write_said
from kdbench.execute.workers.messages import Alive
from kdbench.spec import Record
from kdbench.spec.pulse import Listener, listen

ENDED = 128 + signal.SIGTERM  # the exit code
GRACE = 2.0  # seconds to remove its drafts


def main() -> None:
    """Serve jobs until stdin ends or SIGTERM comes. What a library prints goes to stderr: stdout is for answers."""
    faulthandler.register(signal.SIGUSR1, all_threads=False)  # its parent asks where it is
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

        def tell(said: Record) -> None:
            out.write(write_said(said))
            out.flush()

        listen(_sparsely(tell))
        for line in _lines():
            for said in run_job(read_job(line)):
                tell(said)


def _sparsely(tell: Callable[[Alive], None]) -> Listener:
    """Tells a sign of life once a second at most, but for those that change what is to be expected."""
    told, last = 0.0, 0.0

    def hear(quiet: float) -> None:
        nonlocal told, last
        now = time.monotonic()
        if quiet != last or now >= told + 1:
            told, last = now, quiet
            tell(Alive(quiet=quiet))

    return hear


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
