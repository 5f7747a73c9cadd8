import subprocess
import sys
from pathlib import Path

import pytest

from kdbench.results.machine import memory
from kdbench.results.machine.memory import peak_memory_bytes, reset_peak_memory

BLOCK = 2**27


def run(code: str) -> list[int]:
    """What a fresh process prints: its peak is its own."""
    start = "from kdbench.results.machine.memory import peak_memory_bytes as peak, reset_peak_memory as reset;"
    done = subprocess.run([sys.executable, "-c", start + code], capture_output=True, text=True, check=True)
    return [int(word) for word in done.stdout.split()]


def test_the_peak_grows_by_what_was_filled_and_stays() -> None:
    before, grown, after = run(f"a = peak(); block = b'x' * {BLOCK}; b = peak(); del block; print(a, b, peak())")
    assert before > 10 * 2**20
    assert 0.9 * BLOCK < grown - before < 1.5 * BLOCK
    assert after > 0.99 * grown  # but for pages that the kernel had counted in advance


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux resets the peak")
def test_a_reset_starts_the_peak_over() -> None:
    grown, reset = run(f"block = b'x' * {BLOCK}; a = peak(); del block; print(a, reset())")
    assert reset < grown - 0.9 * BLOCK


def test_without_proc_it_is_what_getrusage_tells(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    known = peak_memory_bytes()
    monkeypatch.setattr(memory, "_RESET", tmp_path / "none" / "clear_refs")
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "none" / "status")
    assert reset_peak_memory() == peak_memory_bytes() >= 0.5 * known


def test_a_kernel_without_the_mark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """gVisor has /proc/self/status, and no VmHWM in it."""
    (tmp_path / "status").write_text("Name:\tpython\nVmRSS:\t  1000 kB\n")
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "status")
    assert peak_memory_bytes() > 10 * 2**20


def test_the_mark_is_in_kilobytes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "status").write_text("Name:\tpython\nVmHWM:\t  1000 kB\n")
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "status")
    assert peak_memory_bytes() == 1_024_000
