import pytest

from kdbench.results.machine.asking import Unknown
from kdbench.results.machine.processor import (
    computes_bfloat16,
    instruction_set,
    int8_saturates,
    read_caches,
    read_hypervisor,
    read_instruction_set,
    read_processor_name,
)
from tests.results.machine import machines
from tests.results.machine.machines import linux, macos

ON_X86 = {
    # (what the kernel tells, instructions, 8-bit sums saturate, bfloat16 has instructions)
    "Zen 3": (machines.ZEN3, "avx avx2 fma sse4_2", True, False),
    "Zen 4": (machines.ZEN4, "avx avx2 avx512_bf16 avx512_vnni avx512f fma", False, True),
    "Skylake server": (machines.SKYLAKE_SERVER, "avx avx2 avx512f fma", True, False),
    "Alder Lake": (machines.ALDER_LAKE, "avx avx2 avx_vnni fma", False, False),
    "Ivy Bridge": (machines.IVY_BRIDGE, "avx sse4_2", False, False),
}
ON_ARM = {
    "Graviton 3": (machines.GRAVITON3, "asimd bf16 dotprod fp16 i8mm sve", False, True),
    "Raspberry Pi 4": (machines.RASPBERRY_PI4, "asimd", False, False),
}


@pytest.mark.parametrize(("cpuinfo", "expected", "saturates", "bfloat16"), ON_X86.values(), ids=ON_X86)
def test_x86_on_linux(
    monkeypatch: pytest.MonkeyPatch, cpuinfo: str, expected: str, saturates: bool, bfloat16: bool
) -> None:
    linux(monkeypatch, cpuinfo)
    assert instruction_set() == tuple(expected.split())
    assert int8_saturates(instruction_set()) is saturates
    assert computes_bfloat16(instruction_set()) is bfloat16
    assert read_hypervisor() is ("hypervisor" in cpuinfo)
    assert read_processor_name() in cpuinfo


@pytest.mark.parametrize(("cpuinfo", "expected", "saturates", "bfloat16"), ON_ARM.values(), ids=ON_ARM)
def test_arm_on_linux(
    monkeypatch: pytest.MonkeyPatch, cpuinfo: str, expected: str, saturates: bool, bfloat16: bool
) -> None:
    linux(monkeypatch, cpuinfo, "aarch64")
    assert instruction_set() == tuple(expected.split())
    assert int8_saturates(instruction_set()) is saturates
    assert computes_bfloat16(instruction_set()) is bfloat16
    assert read_processor_name().startswith("aarch64 0x41/0xd")
    with pytest.raises(Unknown, match="only Linux on x86"):
        read_hypervisor()


def test_a_mac(monkeypatch: pytest.MonkeyPatch) -> None:
    macos(monkeypatch, machines.M2)
    assert instruction_set() == ("asimd", "bf16", "dotprod", "fp16", "i8mm")
    assert int8_saturates(instruction_set()) is False
    assert computes_bfloat16(instruction_set()) is True
    assert read_processor_name() == "Apple M2"


@pytest.mark.parametrize(
    ("cpuinfo", "reason"),
    [(None, "/proc/cpuinfo: No such file"), ("vendor_id: IBM/S390", "/proc/cpuinfo lists no instructions")],
)
def test_what_the_system_does_not_tell_is_none(
    monkeypatch: pytest.MonkeyPatch, cpuinfo: str | None, reason: str
) -> None:
    linux(monkeypatch, cpuinfo)
    assert instruction_set() is int8_saturates(instruction_set()) is computes_bfloat16(instruction_set()) is None
    with pytest.raises(Unknown, match=reason):
        read_instruction_set()
    with pytest.raises(Unknown, match="/proc/cpuinfo"):
        read_processor_name()


def test_a_mac_with_an_intel_processor_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    macos(monkeypatch, {})
    assert instruction_set() is None


def test_no_caches_are_a_reason(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr("kdbench.results.machine.processor.Path", lambda path: tmp_path)
    with pytest.raises(Unknown, match="lists no caches"):
        read_caches()
