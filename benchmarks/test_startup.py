"""How long the command line takes to start. Goal: `kdbench --help` within 150 ms of the bare interpreter."""

import subprocess
import sys
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

COMMANDS = {
    "bare interpreter": ["-c", "pass"],
    "kdbench --help": ["-m", "kdbench", "--help"],
    "kdbench plan quickstart": ["-m", "kdbench", "plan", "quickstart"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_start(benchmark: BenchmarkFixture, name: str, tmp_path: Path) -> None:
    command = [sys.executable, *COMMANDS[name]]
    done = benchmark.pedantic(
        subprocess.run, args=[command], kwargs={"capture_output": True, "cwd": tmp_path}, rounds=15, warmup_rounds=2
    )
    assert done.returncode == 0
