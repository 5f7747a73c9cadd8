"""Timing jobs that tell what a test wants to know of their process; without torch, as all of timing."""

import os
import signal
import sys
import threading
from typing import ClassVar

from kdbench.deploy.timing import calls
from kdbench.execute.jobs.records import TimePair
from kdbench.execute.jobs.timing import time_pair
from kdbench.results.timings import Round

HERE = "tests.execute.jobs.watched"


class TellModules(TimePair):
    """A real round, with the names of all modules of its process."""

    function: ClassVar[str] = f"{HERE}:tell_modules"


def tell_modules(job: TellModules) -> Round:
    return time_pair(job).model_copy(update={"conditions": {"modules": list(sys.modules)}})


class KilledAmidItsWork(TimePair):
    """A real round, with so long a slice that it cannot be done before its process is killed."""

    function: ClassVar[str] = f"{HERE}:be_killed"


def be_killed(job: KilledAmidItsWork) -> Round:
    calls.SLICE_NANOSECONDS = 10**12
    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGKILL)).start()
    return time_pair(job)
