"""Where jobs run. An executor is one method: `map(function, items)`, messages as they come.

A job is a generator function that takes a JSON object and yields messages, named as `module:function`, so that the
caller need not import what the job needs (torch, above all).
"""

import json
import os
import selectors
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib import import_module
from typing import IO, Any, Protocol

from kdbench.execute.workers.messages import MESSAGE, Crashed, Message, Refused
from kdbench.spec import UserError

Item = dict[str, Any]

# One single-thread process per core beats threads on the CPU; glibc's allocator would otherwise hand every large
# tensor back to the kernel and fault it in again at the next step (docs/decisions/0004).
WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "MALLOC_TRIM_THRESHOLD_": str(2**32),
    "PYTHONUNBUFFERED": "1",
}


class Executor(Protocol):
    """Runs jobs, at most `workers` of them at once."""

    @property
    def workers(self) -> int: ...

    def map(self, function: str, items: Iterable[Item], at_once: int | None = None) -> Iterator[tuple[Item, Message]]:
        """Every message of every job, with the item that it belongs to, as they come.

        At most `at_once` jobs run at a time, where that is fewer than the workers.
        """
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


class Inline:
    """In this process, one after the other: the debugger's."""

    workers = 1

    def map(self, function: str, items: Iterable[Item], at_once: int | None = None) -> Iterator[tuple[Item, Message]]:  # noqa: ARG002
        for item in items:
            for message in run_job(function, item):
                yield item, message

    def close(self) -> None:
        pass


class Subprocesses:
    """In at most `workers` processes that each run job after job; one that dies fails its job alone.

    Processes are kept from one `map` to the next: importing torch takes them seconds.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._idle: list[_Worker] = []

    def map(self, function: str, items: Iterable[Item], at_once: int | None = None) -> Iterator[tuple[Item, Message]]:
        waiting = list(items)[::-1]
        busy: dict[int, _Worker] = {}
        selector = selectors.DefaultSelector()

        def begin() -> None:
            worker = self._living()
            worker.take(function, waiting.pop())
            busy[worker.stdout.fileno()] = worker
            selector.register(worker.stdout, selectors.EVENT_READ)

        def end(worker: _Worker) -> None:
            selector.unregister(worker.stdout)
            del busy[worker.stdout.fileno()]

        try:
            for _ in range(min(self.workers, at_once or self.workers, len(waiting))):
                begin()
            while busy:
                for key, _ in selector.select():
                    worker = busy[key.fd]
                    line = worker.stdout.readline()
                    whole = line.endswith(b"\n")
                    if whole and line.strip() != b"null":
                        yield worker.item, MESSAGE.validate_json(line)
                        continue
                    end(worker)
                    if whole:
                        self._idle.append(worker)
                    else:  # the process is gone in the middle of a job, and perhaps of a line
                        yield worker.item, Crashed(reason=worker.epitaph())
                    if waiting:
                        begin()
        finally:
            for worker in busy.values():  # the caller left before the end: what is running has nobody to tell
                worker.kill()
            selector.close()

    def _living(self) -> "_Worker":
        while self._idle:
            worker = self._idle.pop()
            if worker.process.poll() is None:
                return worker
            worker.kill()  # it died while it had nothing to do: only its pipes are left
        return _Worker()

    def close(self) -> None:
        while self._idle:
            self._idle.pop().kill()


class _Worker:
    """A process that runs `kdbench.execute.workers.worker`, with the item it is at work on."""

    def __init__(self) -> None:
        self.stderr = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kdbench.execute.workers.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.stderr,
            env=os.environ | WORKER_ENVIRONMENT,
            bufsize=0,
            start_new_session=True,  # Ctrl-C is for the parent, which then stops its workers
        )
        assert self.process.stdin
        assert self.process.stdout
        self.stdin: IO[bytes] = self.process.stdin
        self.stdout: IO[bytes] = self.process.stdout
        self.item: Item = {}

    def take(self, function: str, item: Item) -> None:
        self.item = item
        with suppress(BrokenPipeError):  # it is dying: the end of its stdout will say so
            self.stdin.write(json.dumps({"function": function, "item": item}).encode() + b"\n")

    def kill(self) -> None:
        self.process.terminate()  # lets it remove its drafts
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.stdin.close()
        self.stdout.close()
        self.stderr.close()

    def epitaph(self) -> str:
        code = self.process.wait()
        self.stderr.seek(0)
        last = self.stderr.read().decode(errors="replace").strip().rpartition("\n")[2]
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return f"its process died: {how}{' (out of memory?)' if code == -9 else ''}{f': {last}' if last else ''}"


def run_job(function: str, item: Item) -> Iterator[Message]:
    """Run one job here. The one place where any exception is caught: it becomes a message."""
    module, _, name = function.partition(":")
    try:
        yield from getattr(import_module(module), name)(item)
    except UserError as error:
        yield Refused(problems=error.problems)
    except Exception as error:
        yield Crashed(reason=f"{type(error).__name__}: {error}", traceback=traceback.format_exc())
