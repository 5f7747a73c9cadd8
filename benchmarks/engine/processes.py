"""Commands that run at the same time, with their seconds, their peak memory and the JSON lines that they print."""

import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

MEMORY_SECONDS = 1.0  # between two samples of the memory


@dataclass(frozen=True)
class Finished:
    """A command that succeeded. Memory is the proportional set size of the process and its children, sampled."""

    seconds: float
    peak_bytes: int
    lines: list[dict[str, Any]]


@dataclass
class _Running:
    command: Sequence[str]
    process: subprocess.Popen[str]
    out: IO[str]
    err: IO[str]
    peak: int = 0
    seconds: float = 0.0

    def finished(self) -> Finished:
        self.out.seek(0)
        self.err.seek(0)
        if self.process.returncode:
            end = self.err.read()[-3000:]
            raise RuntimeError(f"{' '.join(self.command)}: exit code {self.process.returncode}\n{end}")
        lines = [json.loads(line) for line in self.out if line.startswith("{")]
        return Finished(self.seconds, self.peak, lines)


def run_together(commands: Sequence[Sequence[str]], variables: Mapping[str, str]) -> list[Finished]:
    """Run `python -m` commands at once and wait for all. Raises `RuntimeError` with the end of stderr if one fails."""
    with ExitStack() as stack:
        running = [stack.enter_context(_started(command, variables)) for command in commands]
        began, ends = time.perf_counter(), stack.enter_context(selectors.DefaultSelector())
        for one in running:
            ends.register(os.pidfd_open(one.process.pid), selectors.EVENT_READ, one)  # readable once it has ended
        while ends.get_map():
            for key, _ in ends.select(MEMORY_SECONDS):
                key.data.process.wait()
                key.data.seconds = time.perf_counter() - began
                ends.unregister(key.fileobj)
                os.close(key.fd)
            for key in ends.get_map().values():
                key.data.peak = max(key.data.peak, tree_bytes(key.data.process.pid))
        return [one.finished() for one in running]


@contextmanager
def _started(command: Sequence[str], variables: Mapping[str, str]) -> Iterator[_Running]:
    """A process that is ended, with its children, where the caller fails or is interrupted."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        arguments = [sys.executable, "-m", *command]
        process = subprocess.Popen(arguments, stdout=out, stderr=err, env=dict(variables), text=True)
        try:
            yield _Running(command, process, out, err)
        finally:
            with suppress(psutil.NoSuchProcess):
                for one in psutil.Process(process.pid).children(recursive=True):
                    one.terminate()
            process.terminate()
            process.wait()


def tree_bytes(pid: int) -> int:
    """The proportional set size of a process and its descendants: pages that several share are counted once."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return sum(_proportional(one.pid) for one in [process, *process.children(recursive=True)])
    return 0


def _proportional(pid: int) -> int:
    with suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("Pss:")).split()[1]) * 1024
    return 0
