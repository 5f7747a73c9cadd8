"""Commands that run at the same time: their lines, seconds and memory, and what happens where one fails."""

import os
from pathlib import Path

import psutil
import pytest

from benchmarks.engine.processes import run_together, tree_bytes

PROGRAM = """
import sys, time
name, seconds, megabytes = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
held = b"x" * (megabytes << 20)
print("not JSON")
print('{"name": "%s"}' % name)
time.sleep(seconds)
sys.exit(3 if name == "failing" else 0)
"""


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "program.py").write_text(PROGRAM)
    return os.environ | {"PYTHONPATH": str(tmp_path)}


def test_lines_seconds_and_memory_of_each(variables: dict[str, str]) -> None:
    first, second = run_together([["program", "first", "0", "1"], ["program", "second", "2.5", "200"]], variables)
    assert (first.lines, second.lines) == ([{"name": "first"}], [{"name": "second"}])
    assert second.seconds >= 2.5
    assert second.peak_bytes > 200 << 20


def test_a_command_that_fails_is_an_error_with_the_end_of_its_stderr(variables: dict[str, str]) -> None:
    with pytest.raises(RuntimeError, match="program failing 0 0: exit code 3"):
        run_together([["program", "failing", "0", "0"]], variables)
    with pytest.raises(RuntimeError, match=r"(?s)program nothing: exit code 1\n.*IndexError"):
        run_together([["program", "nothing"]], variables)
    assert not psutil.Process().children()


def test_memory_of_a_process_that_is_gone() -> None:
    assert tree_bytes(2**22 + 1) == 0  # above the largest pid
    assert tree_bytes(os.getpid()) > 0
