"""Which software a figure was made with: versions of packages, kdbench's own source, the allocator."""

import hashlib
import os
import platform
import re
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from kdbench.results.machine.asking import Unknown, run_program

PLUGINS = (  # of ONNX Runtime
    "onnxruntime-ep-openvino", "onnxruntime-ep-webgpu", "onnxruntime-ep-nv-tensorrt-rtx-cu12",
    "onnxruntime-ep-nv-tensorrt-rtx-cu13",
)  # fmt: skip
PACKAGES = (
    "kdbench", "torch", "torchvision", "timm", "onnx", "onnxscript", "onnxruntime", "onnxruntime-gpu", "numpy", "scipy",
    "pandas", "nvidia-cuda-runtime", "nvidia-cuda-runtime-cu12", "nvidia-cudnn-cu12", "nvidia-cudnn-cu13",
    *PLUGINS,
)  # fmt: skip


def version_of(package: str) -> str | None:
    """The version that is installed, if any."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@lru_cache(maxsize=1)
def source_hash() -> str:
    """A hash over kdbench's own source files: two records with the same one came from the same code."""
    root = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def read_commit() -> str:
    """The commit of the checkout that kdbench runs from, with '+' where its code differs. Raises `Unknown`."""
    root = Path(__file__).parents[3]
    if not (root / ".git").exists():
        raise Unknown("kdbench does not run from a checkout")
    commit = run_program("git", "-C", str(root), "rev-parse", "--short=12", "HEAD")
    # Reports and results in the same checkout change with every run: they do not make it other code.
    return commit + "+" * bool(run_program("git", "-C", str(root), "status", "--porcelain", "--", "kdbench", "suites"))


def read_working_commit() -> str:
    """The commit of the checkout that a command is run in, with or without changes: a look at all files takes long.

    Raises `Unknown`.
    """
    return run_program("git", "rev-parse", "--short=12", "HEAD")


def read_allocator() -> str:
    """The C library, whose allocator is used, or the libraries loaded before it, which may replace that allocator.

    Only glibc reads the `MALLOC_` variables that training processes are given. Raises `Unknown`.
    """
    loaded = [Path(name).name for name in re.split("[: ]+", os.environ.get("LD_PRELOAD", "")) if name]
    if loaded:
        return f"preloaded: {', '.join(loaded)}"
    library = " ".join(part for part in platform.libc_ver() if part)
    if not library:
        raise Unknown("the C library is not glibc")
    return library
