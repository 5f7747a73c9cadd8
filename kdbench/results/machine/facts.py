"""Facts about the machine and the software that a figure was measured with. Unknown facts are null, never guessed."""

import hashlib
import math
import os
import platform
import shutil
import subprocess
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
from pydantic import JsonValue

from kdbench.spec import content_key

PACKAGES = (
    "kdbench", "torch", "torchvision", "timm", "onnx", "onnxscript", "onnxruntime", "onnxruntime-gpu", "numpy", "scipy",
    "pandas", "nvidia-cuda-runtime", "nvidia-cuda-runtime-cu12", "nvidia-cudnn-cu12", "nvidia-cudnn-cu13",
)  # fmt: skip


def machine_facts() -> dict[str, JsonValue]:
    """Machine, load and versions now. JSON values; sizes in bytes, loads as the kernel gives them."""
    return {**_fixed_facts(), "load_average": list(os.getloadavg()), "cpu_pressure": _text("/proc/pressure/cpu")}


def timestamp() -> str:
    """Now, as records tell it: ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def affinity() -> list[int]:
    """The logical cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))  # macOS, Windows: no such limit


def usable_cores() -> int:
    """How many cores this process may keep busy: its affinity, or less where a container's quota says so."""
    quota, _, period = (_text("/sys/fs/cgroup/cpu.max") or "max").partition(" ")
    allowed = math.ceil(int(quota) / int(period)) if quota.isdigit() and period.isdigit() else len(affinity())
    return max(1, min(len(affinity()), allowed))


def timing_cores() -> int:
    """Physical cores that this process may use: what `threads = "cores"` stands for."""
    return min(usable_cores(), psutil.cpu_count(logical=False) or usable_cores())


def machine_fingerprint() -> str:
    """What latencies must share to be comparable: processor, cores in use, GPU, operating system, ONNX Runtime."""
    facts = _fixed_facts()
    return content_key(
        [facts[name] for name in ("cpu", "affinity", "gpus", "system")]
        + [_version("onnxruntime"), _version("onnxruntime-gpu")]
    )


@lru_cache(maxsize=1)
def _fixed_facts() -> dict[str, JsonValue]:
    cpu = _cpu_info()
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "cpu": cpu.get("model name") or _other_cpu_name(cpu),
        "cpu_flags": list[JsonValue](sorted(set(cpu.get("flags", "").split()) & _TELLING_FLAGS)),
        "caches": _caches(),
        "physical_cores": psutil.cpu_count(logical=False),
        "logical_cores": psutil.cpu_count(),
        "timing_cores": timing_cores(),
        "affinity": list[JsonValue](affinity()),
        "cpu_quota": _text("/sys/fs/cgroup/cpu.max"),
        "hypervisor": "hypervisor" in cpu.get("flags", "").split(),
        "governor": _text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "memory_bytes": psutil.virtual_memory().total,
        "gpus": list(_gpus()),
        "versions": {name: _version(name) for name in PACKAGES},
        "kdbench_source": source_hash(),
        "kdbench_commit": _commit(),
    }


_TELLING_FLAGS = {"sse4_2", "avx", "avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8"}


@lru_cache(maxsize=1)
def source_hash() -> str:
    """A hash over kdbench's own source files: two records with the same one came from the same code."""
    root = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _cpu_info() -> dict[str, str]:
    text = _text("/proc/cpuinfo") or ""
    pairs = (line.partition(":") for line in text.split("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _other_cpu_name(cpu: dict[str, str]) -> str | None:
    """Where the kernel gives no model name: macOS by sysctl, ARM Linux by the numbers of maker and part."""
    if platform.system() == "Darwin":
        done = subprocess.run(["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, check=False)
        return done.stdout.strip() or None
    part = [cpu[name] for name in ("CPU implementer", "CPU part") if name in cpu]
    return f"{platform.machine()} {'/'.join(part)}" if part else platform.processor() or None


def _caches() -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = (_text(str(index / name)) for name in ("level", "type", "size"))
        if level and kind and size:
            found[f"L{level} {kind.lower()}"] = size
    return found


def _gpus() -> list[str]:
    if not shutil.which("nvidia-smi"):
        return []
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()] if done.returncode == 0 else []


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The commit of the checkout that kdbench runs from, with '+' where its code differs; none when installed."""
    root = Path(__file__).parents[3]
    if not (root / ".git").exists() or not shutil.which("git"):
        return None
    commit = _git(root, "rev-parse", "--short=12", "HEAD")
    # Reports and results in the same checkout change with every run: they do not make it other code.
    return commit and commit + "+" * bool(_git(root, "status", "--porcelain", "--", "kdbench", "suites"))


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def _text(path: str) -> str | None:
    try:
        return Path(path).read_text("utf-8").strip()
    except OSError:
        return None
