"""Asking the operating system: files of the kernel and small programs, and `Unknown` where neither answers."""

import subprocess
from pathlib import Path

SECONDS = 20.0  # that a program may take


class Unknown(Exception):
    """This system does not tell a fact; the text says why."""


def read_file(path: str) -> str:
    """The content of a file, stripped. Raises `Unknown`."""
    try:
        return Path(path).read_text("utf-8").strip()
    except OSError as error:
        raise Unknown(f"{path}: {error.strerror}") from error


def run_program(*command: str) -> str:
    """What a program prints, stripped. Raises `Unknown` where it is missing, fails or hangs."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except OSError as error:
        raise Unknown(f"{command[0]}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise Unknown(f"{command[0]} did not end within {SECONDS:g} s") from error
    if done.returncode:
        raise Unknown(f"{command[0]} failed: {done.stderr.strip().rpartition(chr(10))[2] or done.returncode}")
    return done.stdout.strip()
