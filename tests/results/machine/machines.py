"""What the operating systems of machines that are not this one tell of their processors."""

import os
import platform
from collections.abc import Callable, Mapping
from functools import lru_cache

import psutil
import pytest

from kdbench.results.machine import facts, processor
from kdbench.results.machine.asking import Unknown

ZEN3 = "processor\t: 0\nmodel name\t: AMD EPYC 7763\nflags\t\t: fpu sse4_2 avx avx2 fma sha_ni hypervisor\n\nprocessor\t: 1\n"
ZEN4 = "model name\t: AMD EPYC 9654\nflags\t\t: avx avx2 fma avx512f avx512_bf16 avx512_vnni\n"
SKYLAKE_SERVER = "model name\t: Intel Xeon Gold 6148\nflags\t\t: avx avx2 fma avx512f avx512bw avx512vl\n"
ALDER_LAKE = "model name\t: Intel Core i7-12700\nflags\t\t: avx avx2 fma avx_vnni\n"
IVY_BRIDGE = "model name\t: Intel Core i5-3570\nflags\t\t: sse4_2 avx f16c\n"
GRAVITON3 = (
    "processor\t: 0\nFeatures\t: fp asimd asimdhp asimddp sve i8mm bf16\nCPU implementer\t: 0x41\nCPU part\t: 0xd40\n"
)
RASPBERRY_PI4 = "processor\t: 0\nFeatures\t: fp asimd evtstrm crc32\nCPU implementer\t: 0x41\nCPU part\t: 0xd08\n"
M2 = {
    ("sysctl", "hw.optional.arm"): (
        "hw.optional.arm.FEAT_BF16: 1\nhw.optional.arm.FEAT_DotProd: 1\nhw.optional.arm.FEAT_I8MM: 1\n"
        "hw.optional.arm.FEAT_FP16: 1\nhw.optional.arm.FEAT_SME: 0\nhw.optional.arm.AdvSIMD: 1"
    ),
    ("sysctl", "-n", "machdep.cpu.brand_string"): "Apple M2",
}


def linux(monkeypatch: pytest.MonkeyPatch, cpuinfo: str | None, machine: str = "x86_64") -> None:
    """Linux on a processor; without `cpuinfo`, one whose /proc is not mounted."""

    def read_file(path: str) -> str:
        if path == "/proc/cpuinfo" and cpuinfo is not None:
            return cpuinfo.strip()
        raise Unknown(f"{path}: No such file or directory")

    _ask_by(monkeypatch, "Linux", machine, read_file, {})


def macos(monkeypatch: pytest.MonkeyPatch, programs: Mapping[tuple[str, ...], str]) -> None:
    """macOS, where programs print these lines and others are missing. It has neither /proc nor bound cores."""

    def read_file(path: str) -> str:
        raise Unknown(f"{path}: No such file or directory")

    _ask_by(monkeypatch, "Darwin", "arm64", read_file, programs)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)


def _ask_by(
    monkeypatch: pytest.MonkeyPatch,
    system: str,
    machine: str,
    read_file: Callable[[str], str],
    programs: Mapping[tuple[str, ...], str],
) -> None:
    def run_program(*command: str) -> str:
        if command not in programs:
            raise Unknown(f"{command[0]}: No such file or directory")
        return programs[command]

    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(platform, "processor", lambda: "")
    for module in (processor, facts):
        monkeypatch.setattr(module, "read_file", read_file)
    monkeypatch.setattr(processor, "run_program", run_program)
    monkeypatch.setattr(facts, "_fixed_facts", lru_cache(facts._fixed_facts.__wrapped__))  # asked anew, here and after


def no_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that counts neither physical cores nor its load."""

    def getloadavg() -> tuple[float, float, float]:
        raise OSError("Load averages are unobtainable")

    monkeypatch.setattr(os, "getloadavg", getloadavg)
    monkeypatch.setattr(psutil, "cpu_count", lambda logical=True: 4 if logical else None)
