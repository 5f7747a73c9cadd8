"""The processor: its name, its caches, and the instructions that decide how exact or how fast a figure is."""

import platform
from collections.abc import Collection
from pathlib import Path

from pydantic import JsonValue

from kdbench.results.machine.asking import Unknown, read_file, run_program

# In the words of Linux on x86, and on ARM in those of its manuals.
INSTRUCTIONS = frozenset({
    "sse4_2", "avx", "avx2", "fma", "avx512f", "avx512_fp16",
    "avx_vnni", "avx512_vnni", "avx_vnni_int8", "amx_int8",  # 8-bit products, summed in 32 bits
    "avx512_bf16", "avx_ne_convert", "amx_bf16",
    "asimd", "dotprod", "i8mm", "fp16", "bf16", "sve", "sve2",  # ARM
})  # fmt: skip
_LINUX_ON_ARM = {"asimddp": "dotprod", "asimdhp": "fp16"}

VNNI = frozenset({"avx_vnni", "avx512_vnni"})
BFLOAT16 = frozenset({"avx512_bf16", "amx_bf16", "bf16"})


def instruction_set() -> tuple[str, ...] | None:
    """Those of `INSTRUCTIONS` that this processor has, sorted; None where the system does not tell."""
    try:
        return read_instruction_set()
    except Unknown:
        return None


def read_instruction_set() -> tuple[str, ...]:
    """The same. Raises `Unknown` where the system does not tell."""
    if platform.system() == "Darwin":
        lines = run_program("sysctl", "hw.optional.arm").splitlines()  # Macs with Intel's processors have no such names
        names = {line.partition(":")[0].rpartition(".FEAT_")[2].lower() for line in lines if line.endswith(": 1")}
        return tuple(sorted(INSTRUCTIONS & (names | {"asimd"})))
    cpu = read_cpuinfo()
    listed = cpu.get("flags") or cpu.get("Features")
    if not listed:
        raise Unknown("/proc/cpuinfo lists no instructions")
    return tuple(sorted(INSTRUCTIONS & {_LINUX_ON_ARM.get(name, name) for name in listed.split()}))


def int8_saturates(instructions: Collection[str] | None) -> bool | None:
    """Whether ONNX Runtime's sums of 8-bit products saturate on such a processor; None where it is not known.

    With AVX2 and without VNNI its kernels multiply unsigned by signed bytes with VPMADDUBSW, which adds two products
    in 16 bits: 2 x 255 x 127 exceeds 32,767. Weights of 7 bits never do. With VNNI, on ARM, and on x86 without AVX2
    (kernels for SSE4.1 widen first) sums are exact. Seen with onnxruntime 1.31 under qemu-user 7.2.
    """
    if instructions is None:
        return None
    return "avx2" in instructions and not VNNI & set(instructions)


def computes_bfloat16(instructions: Collection[str] | None) -> bool | None:
    """Whether such a processor multiplies bfloat16 by instructions of its own; None where it is not known."""
    return None if instructions is None else bool(BFLOAT16 & set(instructions))


def read_processor_name() -> str:
    """The name: where Linux has none (ARM), the numbers of maker and part. Raises `Unknown`."""
    if platform.system() == "Darwin":
        return run_program("sysctl", "-n", "machdep.cpu.brand_string")
    cpu = read_cpuinfo()
    part = [cpu[name] for name in ("CPU implementer", "CPU part") if name in cpu]
    name = cpu.get("model name") or (f"{platform.machine()} {'/'.join(part)}" if part else platform.processor())
    if not name:
        raise Unknown("/proc/cpuinfo names no processor")
    return name


def read_hypervisor() -> bool:
    """Whether a hypervisor tells that it is there. Raises `Unknown` where none would."""
    flags = read_cpuinfo().get("flags")
    if flags is None:
        raise Unknown("only Linux on x86 tells it")
    return "hypervisor" in flags.split()


def read_caches() -> dict[str, JsonValue]:
    """Sizes of the first core's caches, as the kernel writes them. Raises `Unknown`."""
    root = "/sys/devices/system/cpu/cpu0/cache"
    found: dict[str, JsonValue] = {}
    for folder in sorted(Path(root).glob("index*")):
        level, kind, size = (read_file(f"{folder}/{name}") for name in ("level", "type", "size"))
        found[f"L{level} {kind.lower()}"] = size
    if not found:
        raise Unknown(f"{root} lists no caches")
    return found


def read_cpuinfo() -> dict[str, str]:
    """What Linux tells of the first core, by name. Raises `Unknown`."""
    first = read_file("/proc/cpuinfo").partition("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
