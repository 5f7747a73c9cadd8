"""What of this machine kdbench can use, and how to mend what it cannot. Imports are tried in processes of their own."""

import platform
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from kdbench.deploy.runtime.providers import PROVIDERS, has_plugin
from kdbench.execute.doctor.cuda import INSTALL, SWAP, diagnose, has_driver, has_nvidia_gpu, last_words
from kdbench.results import Store
from kdbench.results.machine.energy_counters import why_no_counter
from kdbench.results.machine.facts import usable_cores
from kdbench.results.machine.gpu import gpu_state
from kdbench.results.machine.processor import computes_bfloat16, instruction_set, int8_saturates
from kdbench.spec import UserError

SECONDS = 300  # that an import may take; a cold disk and a CUDA build of torch take long


@dataclass(frozen=True)
class Finding:
    """One thing that was examined. `note`: kdbench works without it; `problem`: it does not."""

    name: str
    status: Literal["ok", "note", "problem"]
    detail: str
    fix: str | None = None


def examine(results: Path) -> Iterator[Finding]:
    """Look at Python, torch, torchvision, ONNX Runtime's providers, the GPU, energy, processor and results folder."""
    enough = sys.version_info >= (3, 11)
    fix = None if enough else "install Python 3.11 or newer"
    yield Finding("Python", "ok" if enough else "problem", platform.python_version(), fix)
    yield _imports("torch", "print(torch.__version__)")
    yield _torchvision()
    onnxruntime, providers = _onnxruntime()
    yield onnxruntime
    for name, provider in PROVIDERS.items():
        if (provider in providers and name != "cuda") or has_plugin(name):
            yield _provider(name)
    yield from _cuda(onnxruntime, providers)
    yield _energy("processor", "cpu")
    yield _int8()
    yield _bfloat16()
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
    return Finding(module, "problem", last_words(done.stderr), f"pip install {module}")


def _torchvision() -> Finding:
    found = _imports("torchvision", "print(torchvision.__version__)")
    if found.status == "problem" and ("nms" in found.detail or "operator" in found.detail):
        fix = (
            "torch and torchvision come from different builds: install both in one command and from one place, "
            "`pip install --force-reinstall torch torchvision` (see the README for CPU-only machines)"
        )
        return Finding(found.name, "problem", found.detail, fix)
    return found


def _onnxruntime() -> tuple[Finding, list[str]]:
    """The wheel that is installed, and the providers that it was built with."""
    wheels = [name for name in ("onnxruntime", "onnxruntime-gpu") if _installed(name)]
    if len(wheels) == 2:
        what = "both wheels are installed, and overwrite each other's files"
        fix = f"pip uninstall -y onnxruntime onnxruntime-gpu && pip install onnxruntime; with a GPU: {SWAP}"
        return Finding("onnxruntime", "problem", what, fix), []
    found = _imports("onnxruntime", "print(onnxruntime.__version__, *onnxruntime.get_available_providers())")
    if found.status == "problem":
        return Finding("onnxruntime", "problem", found.detail, f"pip install onnxruntime; with a GPU: {INSTALL}"), []
    wheel = wheels[0] if wheels else "an unnamed wheel"
    number, *providers = found.detail.split()
    return Finding("onnxruntime", "ok", f"{number} ({wheel})"), providers


def _provider(name: str) -> Finding:
    """Whether a session really opens: where a provider does not load, ONNX Runtime falls back without an error."""
    if (said := _refusal(name)) is None:
        return Finding(f"provider {name}", "ok", "a session opens and runs on it")
    if has_plugin(name):  # it may be installed for other machines
        return Finding(f"provider {name}", "note", last_words(said).rpartition("NoDevice: ")[2])
    if name == "tensorrt":  # every onnxruntime-gpu lists it, with TensorRT or without
        fix = "install TensorRT for the CUDA of this onnxruntime, if a suite is to ask for it"
        return Finding(f"provider {name}", "note", f"does not load: {last_words(said)}", fix)
    return Finding(
        f"provider {name}", "problem", f"no session opens on it: {last_words(said)}", "reinstall onnxruntime"
    )


def _refusal(name: str) -> str | None:
    """The error where no session opens and runs on the provider, or None where one does."""
    wanted = PROVIDERS[name]
    done = _python(
        f"from kdbench.execute.doctor.first_session import first_provider; print(first_provider('{wanted}'))"
    )
    talk, _, taken = done.stdout.strip().rpartition("\n")
    if done.returncode:
        return done.stdout + done.stderr
    return None if taken == wanted else f"onnxruntime fell back to {taken}\n{talk}\n{done.stderr}"


def _cuda(onnxruntime: Finding, providers: list[str]) -> Iterator[Finding]:
    if not has_driver():
        if has_nvidia_gpu():
            fix = (
                "install NVIDIA's driver (Debian: nvidia-driver, from non-free), or start the container with --gpus all"
            )
            yield Finding("CUDA", "note", "an NVIDIA GPU, but no driver for it: everything runs on the CPU", fix)
        else:
            yield Finding("CUDA", "note", "no NVIDIA driver: CUDA latencies are reported as not measured")
        return
    yield _gpu()
    yield _torch_cuda()
    if onnxruntime.status != "ok":
        yield Finding("CUDA", "problem", f"onnxruntime: {onnxruntime.detail}", SWAP)
    elif PROVIDERS["cuda"] not in providers:
        yield Finding("CUDA", "note", "a GPU, but the CPU wheel of onnxruntime", SWAP)
    elif (said := _refusal("cuda")) is None:
        yield Finding("CUDA", "ok", "a session opens and runs on it")
    else:
        detail, fix = diagnose(said)
        yield Finding("CUDA", "problem", f"no session opens on it: {detail}", fix)
    yield _energy("GPU", "cuda")


def _gpu() -> Finding:
    state = gpu_state()
    if not isinstance(state, dict) or "reason" in state:
        return Finding(
            "GPU", "note", f"its state cannot be read: {state['reason'] if isinstance(state, dict) else state}"
        )
    detail = f"{state['name']}, driver {state['driver']}"
    slowed = [word for word in state["slowed_by"] or [] if word != "idle"]  # type: ignore[union-attr]
    if slowed:
        return Finding("GPU", "note", f"{detail}; its clocks are held down now by: {', '.join(map(str, slowed))}")
    return Finding("GPU", "ok", detail)


def _torch_cuda() -> Finding:
    done = _python("import torch; print(torch.version.cuda); torch.cuda.init(); print(torch.cuda.device_count())")
    built = done.stdout.strip().partition("\n")[0]
    if built == "None":
        fix = "pip install --force-reinstall torch torchvision, without the index of CPU builds"
        return Finding("torch on CUDA", "note", "a GPU, but a CPU build of torch: training runs on the CPU", fix)
    if done.returncode == 0:
        return Finding("torch on CUDA", "ok", f"built for CUDA {built}")
    detail, fix = diagnose(done.stderr, "pip install torch torchvision")
    return Finding("torch on CUDA", "problem", f"built for CUDA {built}, and does not start: {detail}", fix)


def _energy(whose: str, device: str) -> Finding:
    reason = why_no_counter(device)
    return Finding(f"energy of the {whose}", "note" if reason else "ok", reason or "a counter is there")


def _int8() -> Finding:
    """How int8 variants are made for this processor."""
    instructions = instruction_set()
    saturates = int8_saturates(instructions)
    if saturates is None:
        return Finding("int8", "note", "the system tells no instruction set, so weights take 7 bits, to be safe")
    if saturates:
        return Finding("int8", "note", "the processor has AVX2 and no VNNI: sums saturate, so weights take 7 bits")
    return Finding("int8", "ok", f"sums of 8-bit products are exact ({_listed(instructions)})")


def _bfloat16() -> Finding:
    instructions = instruction_set()
    if computes_bfloat16(instructions):
        return Finding("bfloat16", "ok", "the processor has instructions for it")
    why = "the processor has no instructions for it" if instructions else "the system tells no instruction set"
    return Finding("bfloat16", "note", f'{why}: precision = "bfloat16" may train many times slower than float32')


def _listed(instructions: tuple[str, ...] | None) -> str:
    return ", ".join(instructions or ()) or "no extensions"


def _python(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own, which fails where it takes too long."""
    command = [sys.executable, "-c", code]
    try:
        return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, stdout="", stderr=f"no answer within {SECONDS} seconds")


def _installed(package: str) -> bool:
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False
