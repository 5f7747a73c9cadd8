"""What of this machine kdbench can use, and how to mend what it cannot. Imports are tried in processes of their own."""

import platform
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from kdbench.results import Store
from kdbench.results.environment import usable_cores
from kdbench.spec import UserError


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `note` is for what works without it; `problem` is for what does not."""

    name: str
    status: Literal["ok", "note", "problem"]
    detail: str
    fix: str | None = None


def examine(results: Path) -> Iterator[Finding]:
    """Look at Python, torch, torchvision, ONNX Runtime, the GPU, the cores and the results folder."""
    enough = sys.version_info >= (3, 11)
    fix = None if enough else "install Python 3.11 or newer"
    yield Finding("Python", "ok" if enough else "problem", platform.python_version(), fix)
    yield _imports("torch", "print(torch.__version__)")
    yield _torchvision()
    yield from _onnxruntime()
    yield _cuda()
    yield Finding("cores", "ok", f"{usable_cores()} usable; training runs one single-thread process on each")
    try:
        Store(results).prepare()
        yield Finding("results folder", "ok", str(results))
    except UserError as error:
        yield Finding("results folder", "problem", error.problems[0].what, error.problems[0].help)


def _imports(module: str, code: str = "") -> Finding:
    done = _python(f"import {module}; {code}")
    if done.returncode == 0:
        return Finding(module, "ok", done.stdout.strip())
    return Finding(module, "problem", _last_line(done.stderr), f"pip install {module}")


def _torchvision() -> Finding:
    found = _imports("torchvision", "print(torchvision.__version__)")
    if found.status == "problem" and ("nms" in found.detail or "operator" in found.detail):
        fix = (
            "torch and torchvision come from different builds: install both in one command and from one place, "
            "`pip install --force-reinstall torch torchvision` (see the README for CPU-only machines)"
        )
        return Finding(found.name, "problem", found.detail, fix)
    return found


def _onnxruntime() -> Iterator[Finding]:
    wheels = [name for name in ("onnxruntime", "onnxruntime-gpu") if _installed(name)]
    if len(wheels) == 2:
        fix = "pip uninstall -y onnxruntime onnxruntime-gpu && pip install onnxruntime-gpu"
        yield Finding("onnxruntime", "problem", "both wheels are installed, and overwrite each other's files", fix)
        return
    found = _imports("onnxruntime", "print(onnxruntime.__version__, *onnxruntime.get_available_providers())")
    if found.status == "problem":
        yield Finding("onnxruntime", "problem", found.detail, "pip install onnxruntime (or onnxruntime-gpu)")
        return
    wheel = wheels[0] if wheels else "an unnamed wheel"
    yield Finding("onnxruntime", "ok", f"{found.detail} ({wheel})")


def _cuda() -> Finding:
    driver = Path("/proc/driver/nvidia/version").exists() or Path("/dev/nvidia0").exists()
    wheel = _installed("onnxruntime-gpu")
    code = "import onnxruntime as o; o.preload_dlls(); print('CUDAExecutionProvider' in o.get_available_providers())"
    if not driver:
        return Finding("CUDA", "note", "no NVIDIA driver: CUDA latencies are reported as not measured")
    if not wheel:
        fix = "pip uninstall -y onnxruntime && pip install onnxruntime-gpu"
        return Finding("CUDA", "note", "a GPU, but the CPU wheel of onnxruntime", fix)
    done = _python(code)
    if done.stdout.strip() == "True":
        return Finding("CUDA", "ok", "a driver, and an onnxruntime with the CUDA provider")
    fix = "install the CUDA and cuDNN versions that this onnxruntime-gpu names in its release notes"
    return Finding("CUDA", "problem", f"the CUDA provider does not load: {_last_line(done.stderr)}", fix)


def _python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)


def _installed(package: str) -> bool:
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2] or "it failed without a word"
