"""The command line within the process of the tests, its workers too: what it says and leaves, without the imports.

A process takes seconds to import what it trains with. That it says the same from a process of its own, and where it is
stopped, is shown by `test_cli.py`.
"""

import contextlib
import io
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from kdbench import api
from kdbench.cli import cli
from kdbench.cli.failure import run_guarded
from kdbench.execute.workers.executors import Inline


@dataclass(frozen=True)
class Said:
    """What a command printed."""

    stdout: str
    stderr: str


def kdbench(*argv: str, at: Path, code: int = 0) -> Said:
    """Run a command in a folder; its jobs that ask for no process of their own are carried out one after the other."""
    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patched,
        contextlib.chdir(at),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patched.setattr(api, "Subprocesses", lambda _: Inline())
        patched.setattr(sys, "argv", ["kdbench", *argv])  # which the run's record keeps
        found = run_guarded(cli, argv)
    said = Said(out.getvalue(), err.getvalue())
    assert found == code, f"{argv}: exit code {found}\n{said.stdout}\n{said.stderr}"
    assert "Traceback" not in said.stderr
    return said
