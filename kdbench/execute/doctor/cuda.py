"""What CUDA lacks on this machine, by the errors of ONNX Runtime and torch, each with its fix."""

import os
import re
from pathlib import Path

INSTALL = "pip install 'onnxruntime-gpu[cuda,cudnn]'"
SWAP = f"pip uninstall -y onnxruntime onnxruntime-gpu && {INSTALL}"

_DRIVER = ("/proc/driver/nvidia/version", "/dev/nvidia0", "/usr/lib/wsl/lib/libcuda.so.1")
_PCI = Path("/sys/bus/pci/devices")
_NVIDIA = "0x10de"
_DISPLAYS = "0x03"  # the PCI class of display controllers

_LIBRARY = re.compile(r"error: (\S+): cannot open shared object file")
_BUILT_FOR = re.compile(r"Require cuDNN (\S+) and CUDA (\S+)\. ")
_CONTAINER = "start the container with --gpus all"


def has_driver() -> bool:
    """Whether NVIDIA's driver is there, on Linux or in WSL."""
    return any(Path(name).exists() for name in _DRIVER)


def has_nvidia_gpu() -> bool:
    """Whether the bus has an NVIDIA GPU, with or without a driver."""
    return any(
        _text(device / "vendor") == _NVIDIA and _text(device / "class").startswith(_DISPLAYS)
        for device in _PCI.glob("*")
    )


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except OSError:
        return ""


def diagnose(said: str, install: str = INSTALL) -> tuple[str, str]:
    """What is wrong, and how to mend it, by the error of ONNX Runtime (or torch) when it failed to run on CUDA.

    `install` is the command that brings the libraries.
    """
    said = _plain(said)
    wanted = _BUILT_FOR.search(said)
    built = f"CUDA {wanted[2]} and cuDNN {wanted[1]}" if wanted else "a CUDA and cuDNN of its own"
    if re.search(r"error: libcuda\.so|Found no NVIDIA driver", said):
        fix = f"install the driver's library for programs (Debian: libcuda1), or {_CONTAINER}"
        return "the driver's own library libcuda is not found", fix
    if missing := _LIBRARY.search(said):
        return (
            f"{missing[1]} is missing; this onnxruntime was built for {built}",
            f"{install}, which brings them; LD_LIBRARY_PATH must name the folder of those that are elsewhere",
        )
    if re.search(r"undefined symbol|version `[^']+' not found|VERSION_MISMATCH|version mismatch", said):
        fix = f"{install} --force-reinstall; nothing else may put other versions on LD_LIBRARY_PATH"
        return f"a library of another version than {built}: {last_words(said)}", fix
    if re.search(r"CUDA failure 35\b|driver version is insufficient|driver on your system is too old", said):
        fix = "update the driver (580 or newer for CUDA 13, 525 for CUDA 12), or install a build for an older CUDA"
        return f"the driver is too old: {last_words(said)}", fix
    if re.search(r"CUDA failure 100\b|no CUDA-capable device|No CUDA GPUs are available", said):
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        hidden = f"CUDA_VISIBLE_DEVICES={visible} is set: unset it" if visible is not None else _CONTAINER
        return "the driver shows no GPU to this process", hidden
    if re.search(r"CUDA failure 209\b|no kernel image", said):
        fix = "install an onnxruntime-gpu that was built for this generation of GPUs: its release notes name them"
        return "this onnxruntime has no code for this GPU", fix
    if re.search(r"CUDA failure 2\b|out of memory", said):
        return "the GPU's memory is full", "nvidia-smi lists the processes that hold it"
    return last_words(said), f"{install}, built for {built}, and a driver that knows them"


def last_words(said: str) -> str:
    """The last line that says why, without places in the source and folders of this machine."""
    lines = [line.strip() for line in _plain(said).splitlines() if line.strip(" *\t")]
    line = next((line for line in reversed(lines) if "Falling back" not in line), "it failed without a message")
    line = re.sub(r"^.*\[ONNXRuntimeError\] : \d+ : \w+ : |^\S+ \S+ \[[EWF]:[^\]]*\] ", "", line)
    return re.sub(r"(?<!\S)/\S*/(?=\S)", "", line)[:300]


def _plain(said: str) -> str:
    """Without colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", said)
