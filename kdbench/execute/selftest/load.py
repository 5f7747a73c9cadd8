"""Other processes that are busy on this machine, for as long as something is tried beside them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Sorts arrays of up to 32 MB and rests, in turns of random length; ends with its parent, whatever ended that.
WORK = """
import os, random, sys, time, numpy
while os.getppid() == int(sys.argv[1]):
    numpy.random.rand(random.randrange(1, 4_000_000)).sort()
    time.sleep(random.random() / 4)
"""


@contextmanager
def busy_processes(number: int) -> Iterator[None]:
    """So many processes that compute beside what is done meanwhile."""
    command = [sys.executable, "-P", "-c", WORK, str(os.getpid())]
    processes = [subprocess.Popen(command, stdin=subprocess.DEVNULL) for _ in range(number)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()
