"""Busy processes are there meanwhile, and not afterwards."""

import subprocess
import sys

import psutil
import pytest

from kdbench.execute.selftest.load import busy_processes


def test_they_are_busy_meanwhile() -> None:
    with busy_processes(2):
        found = psutil.Process().children()
        busy = [each for each in found if "numpy.random.rand" in " ".join(each.cmdline())]
        assert len(busy) == 2
    assert not any(each.is_running() for each in busy)


def test_they_end_where_an_error_ends_the_rest() -> None:
    there: list[psutil.Process] = []

    def fail() -> None:
        with busy_processes(1):
            there.extend(psutil.Process().children())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [process.is_running() for process in there] == [False]


def test_they_end_with_a_parent_that_is_killed() -> None:
    code = (
        "import os, signal, psutil\nfrom kdbench.execute.selftest.load import busy_processes\n"
        "with busy_processes(1):\n    print(psutil.Process().children()[0].pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    pid = int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60).stdout)
    if psutil.pid_exists(pid):
        psutil.Process(pid).wait(timeout=20)
