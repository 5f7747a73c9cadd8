"""One worker process as its parent sees it: it is given a job, says what it says, and may die or take too long."""

import math
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any

from kdbench.execute.workers.job import Job, OwnProcess
from kdbench.execute.workers.lines import NotUnderstood, read_said, write_job
from kdbench.execute.workers.messages import Alive, Crashed, Progress
from kdbench.results.drafts import temporary_folder

# One single-thread process per core beats threads on the CPU; glibc's allocator would otherwise hand every large
# tensor back to the kernel and fault it in again at the next step (docs/decisions/0004).
WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "MALLOC_TRIM_THRESHOLD_": str(2**32),
}
# -P: a `random.py` in the working directory is not the one of Python.
COMMAND = (sys.executable, "-P", "-m", "kdbench.execute.workers.worker")
FRAME = re.compile(r'File "(?P<file>[^"]*)", line (?P<line>\d+) in (?P<function>.*)')  # as `faulthandler` writes it
CHUNK = 1 << 16  # bytes read at once
GRACE = 0.5  # seconds: who interrupts a run has the prompt back within one
# Seconds without a sign of life after which a job hangs, over so many times the longest that it was quiet before
# (docs/decisions/0034).
PATIENCE = 1800.0
GROWTH = 20.0


class WorkerProcess:
    """A process that runs `kdbench.execute.workers.worker`, and the job that it carries out."""

    def __init__(self, own: OwnProcess | None = None) -> None:
        self.reusable = own is None
        self._seconds = own.seconds if own else math.inf
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        self._folders = ExitStack()
        temporary = self._folders.enter_context(temporary_folder())  # of whatever it makes: it may be killed
        self._process = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={**_environment(own), "TMPDIR": str(temporary)},
            bufsize=0,
            start_new_session=True,  # Ctrl-C is for the parent, which then stops its workers
        )
        assert self._process.stdin
        assert self._process.stdout
        self._stdin: IO[bytes] = self._process.stdin
        self._stdout: IO[bytes] = self._process.stdout
        self._rest = b""  # of a line that has not arrived in full
        self.fileno = self._stdout.fileno()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def seconds_left(self) -> float:
        """Until its job has taken too long, or was quiet for too long."""
        end = self._heard + self._patience
        return max(0.0, min(end, self._began + self._seconds) - time.monotonic())

    @property
    def _patience(self) -> float:
        return PATIENCE + self._quiet + GROWTH * min(self._longest, PATIENCE)

    def take(self, job: Job[Any], position: int) -> None:
        """Begin with a job, the one at this position of those that were asked for."""
        self._job, self.position, self._began = job, position, time.monotonic()
        self._heard, self._quiet, self._longest = self._began, 0.0, 0.0
        with suppress(BrokenPipeError):  # it is dying: the end of its stdout will say so
            self._stdin.write(write_job(job))

    def hear(self) -> Iterator[Progress | Any | Crashed]:
        """What it has said since; waits where that is nothing yet."""
        chunk = os.read(self.fileno, CHUNK)
        before, self._heard = self._heard, time.monotonic()
        if not self._quiet:  # how long a download takes says nothing of a batch
            self._longest = max(self._longest, self._heard - before)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        try:
            for line in lines:
                said = read_said(line, self._job)
                if isinstance(said, Alive):
                    self._quiet = said.quiet
                else:
                    yield said
        except NotUnderstood as reason:
            self.reusable = False
            yield Crashed(reason=str(reason))
            return
        if not chunk:  # it is gone in the middle of a job, and perhaps of a line
            self.reusable = False
            yield self._last_words()

    def end_late(self) -> Crashed:
        """End a process whose job has taken too long."""
        self.reusable = False
        quiet = f"gave no sign of life for {self._patience:.0f} seconds"
        hangs = self._heard + self._patience < self._began + self._seconds
        where = self._where_it_is()
        self._process.kill()
        at = FRAME.search(where)
        place = f", in {at['function']} ({Path(at['file']).name}:{at['line']})" if at else ""
        reason = f"its process {quiet if hangs else f'did not end within {self._seconds:g} seconds'}{place}"
        return Crashed(reason=reason, traceback=where or None)

    def _where_it_is(self) -> str:
        """The frames that it is in, the innermost first; empty where it is stopped or has ended."""
        before = os.fstat(self._stderr.fileno()).st_size
        self._process.send_signal(signal.SIGUSR1)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=GRACE)  # to write them
        return os.pread(self._stderr.fileno(), CHUNK, before).decode(errors="replace")

    def close(self) -> None:
        """End the process: see `close_all`."""
        close_all([self])

    def _end_by(self, moment: float) -> None:
        try:
            self._process.wait(timeout=max(0.0, moment - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for stream in (self._stdin, self._stdout, self._stderr):
            stream.close()
        self._folders.close()

    def _last_words(self) -> Crashed:
        code = self._process.wait()
        self._stderr.seek(0)
        last = self._stderr.read().decode(errors="replace").strip().rpartition("\n")[2].strip()[:200]
        reason = f"its process {_ending(code)}{f': {last}' if last else ''}"
        return Crashed(reason=reason, killed=code == -signal.SIGKILL)


def close_all(workers: Iterable[WorkerProcess]) -> None:
    """End processes, all at once: they remove their drafts first, if that takes them no longer than `GRACE`."""
    ending = list(workers)
    try:
        for worker in ending:
            worker._process.terminate()
        moment = time.monotonic() + GRACE
        for worker in ending:
            worker._end_by(moment)
    finally:
        for worker in ending:  # those that are left where this was interrupted
            worker._process.kill()


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"was killed by {name}{' (out of memory?)' if code == -signal.SIGKILL else ''}"


def _environment(own: OwnProcess | None) -> dict[str, str]:
    root = str(Path(__file__).parents[3])  # kdbench may run from a checkout that is not installed
    path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH")) if part)
    inherited = {**os.environ, "PYTHONPATH": path}
    if own is None:
        return inherited | WORKER_ENVIRONMENT
    # What is deployed runs under the usual allocator.
    usual = {name: value for name, value in inherited.items() if not name.startswith("MALLOC_")}
    return {**usual, **own.variables}
