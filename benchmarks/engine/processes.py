"""Commands run side by side, with their time, their peak memory and the JSON lines that they print."""

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

PERIOD = 1.0  # seconds between two looks at the memory


@dataclass(frozen=True)
class Finished:
    """A command that ended well. Memory is the proportional set of the process and its children, sampled."""

    seconds: float
    peak_bytes: int
    lines: list[dict[str, Any]]


def run_together(commands: Sequence[Sequence[str]], environment: Mapping[str, str]) -> list[Finished]:
    """Run `python -m` commands at once and wait for all. Raises `RuntimeError` with the end of stderr if one fails."""
    running = [_Running(command, environment) for command in commands]
    try:
        return [one.wait() for one in running]
    finally:
        for one in running:
            one.stop()


class _Running:
    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.command = command
        self.out: IO[str] = tempfile.TemporaryFile("w+")  # noqa: SIM115 - it lives as long as the process
        self.err: IO[str] = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.peak, self.ended = 0, threading.Event()
        self.began = time.perf_counter()
        self.seconds = 0.0
        self.process = subprocess.Popen(
            [sys.executable, "-m", *command], stdout=self.out, stderr=self.err, env=dict(environment)
        )
        self.watcher = threading.Thread(target=self._watch, daemon=True)
        self.watcher.start()
        threading.Thread(target=self._await, daemon=True).start()

    def _watch(self) -> None:
        while not self.ended.wait(PERIOD):
            self.peak = max(self.peak, tree_bytes(self.process.pid))

    def _await(self) -> None:  # in a thread of its own: another command may end later
        self.process.wait()
        self.seconds = time.perf_counter() - self.began
        self.ended.set()

    def wait(self) -> Finished:
        while not self.ended.wait(1.0):  # with a timeout, so that Ctrl-C is heard
            pass
        self.watcher.join()
        self.out.seek(0)
        if self.process.returncode:
            self.err.seek(0)
            end = self.err.read()[-3000:]
            raise RuntimeError(f"{' '.join(self.command)}: exit code {self.process.returncode}\n{end}")
        lines = [json.loads(line) for line in self.out if line.startswith("{")]
        return Finished(self.seconds, self.peak, lines)

    def stop(self) -> None:
        if self.process.poll() is None:
            for process in [*psutil.Process(self.process.pid).children(recursive=True), self.process]:
                with suppress(psutil.NoSuchProcess):
                    process.terminate()
            self.process.wait()
        self.out.close()
        self.err.close()


def tree_bytes(pid: int) -> int:
    """The proportional set size of a process and all below it: pages that several share are counted once."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return sum(_proportional(one.pid) for one in [process, *process.children(recursive=True)])
    return 0


def _proportional(pid: int) -> int:
    with suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("Pss:")).split()[1]) * 1024
    return 0
