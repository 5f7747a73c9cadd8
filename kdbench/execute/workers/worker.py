"""A worker process: reads one job a line from stdin, writes its messages as lines, and `null` when it is done."""

import json
import os
import signal
import sys

from kdbench.execute.workers.executors import run_job


def main() -> None:
    """Serve jobs until stdin ends. What a library prints goes to stderr: stdout carries messages only."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as an exception: drafts are removed on the way out
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin:
        job = json.loads(line)
        for message in run_job(job["function"], job["item"]):
            print(message.model_dump_json(), file=out)
        print("null", file=out)


if __name__ == "__main__":
    main()
