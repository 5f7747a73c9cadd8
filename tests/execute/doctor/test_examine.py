"""What `kdbench doctor` says of machines that are not this one.

The errors are what onnxruntime-gpu 1.31.1 and torch 2.15 really said on a machine without libraries or without a
driver; those that need a GPU are as CUDA's documentation words them, and no test here has seen one.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kdbench.deploy.runtime.providers import PROVIDERS
from kdbench.execute.doctor import cuda as doctor_cuda
from kdbench.execute.doctor import examine as doctor
from kdbench.execute.doctor.cuda import diagnose, last_words
from tests.results.fake_nvml import install
from tests.results.machine.machines import ALDER_LAKE, ZEN3, ZEN4, linux

CPU = "CPUExecutionProvider"
GPU_WHEEL = f"1.31.1 TensorrtExecutionProvider CUDAExecutionProvider {CPU}\n"
FAILED = (
    "\x1b[1;31m2026-11-21 17:35:57.996489976 [E:onnxruntime:Default, provider_bridge_ort.cc:2458 operator()] "
    "/onnxruntime_src/onnxruntime/core/session/provider_bridge_ort.cc:2043 onnxruntime::Provider& "
    "onnxruntime::ProviderLibrary::Get() [ONNXRuntimeError] : 1 : FAIL : Failed to load library "
    "/venv/onnxruntime/capi/libonnxruntime_providers_cuda.so with error: {}: cannot open shared object file: "
    "No such file or directory\n\x1b[m\n"
    "\x1b[0;93m2026-11-21 17:35:57.996525138 [W:onnxruntime:Default, onnxruntime_pybind_state.cc:1295 "
    "CreateExecutionProviderFactoryInstance] Failed to create CUDAExecutionProvider. Require cuDNN 9.* and CUDA 13.*. "
    "Please install all dependencies as mentioned in the GPU requirements page, make sure they're in the PATH, and that "
    "your GPU is supported.\x1b[m\n"
)
NO_DRIVER = (
    "RuntimeError: Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed a "
    "driver from http://www.nvidia.com/Download/index.aspx"
)

Said = tuple[int, str, str]  # exit code, stdout, stderr


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A machine by what its processes say; where nothing else is given, one with a GPU on which all is well."""

    def make(
        *, driver: bool = True, wheels: str = "onnxruntime-gpu", listed: str = GPU_WHEEL, **sessions: Said
    ) -> None:
        def answer(code: str) -> subprocess.CompletedProcess[str]:
            if "first_provider" in code:
                name = next(name for name, provider in PROVIDERS.items() if f"'{provider}'" in code)
                said = sessions.get(name, (0, f"{PROVIDERS[name]}\n", ""))
            elif "torch.cuda" in code:
                said = sessions.get("torch", (0, "13.2\n1\n", ""))
            else:
                said = (0, listed if "onnxruntime" in code else "2.15.0\n", "")
            return subprocess.CompletedProcess([], *said)

        monkeypatch.setattr(doctor, "_python", answer)
        monkeypatch.setattr(doctor, "has_driver", lambda: driver)
        monkeypatch.setattr(doctor, "_installed", lambda package: package in wheels.split())
        install(monkeypatch)

    return make


@pytest.fixture
def found(tmp_path: Path) -> Callable[[str], doctor.Finding]:
    return lambda name: next(one for one in doctor.examine(tmp_path / "results") if one.name == name)


Machine = Callable[..., None]
Found = Callable[[str], doctor.Finding]


def failing(monkeypatch: pytest.MonkeyPatch, stderr: str) -> None:
    """Let every import in a process of its own fail with these words."""
    failed = subprocess.CompletedProcess([], 1, stdout="", stderr=stderr)
    monkeypatch.setattr(doctor, "_python", lambda code: failed)


def test_a_gpu_on_which_all_is_well(machine: Machine, tmp_path: Path) -> None:
    machine()
    findings = {one.name: one for one in doctor.examine(tmp_path / "results")}
    for name in ("GPU", "torch on CUDA", "CUDA", "provider tensorrt", "provider cpu", "energy of the GPU"):
        assert (findings[name].status, findings[name].fix) == ("ok", None), findings[name]
    assert findings["GPU"].detail == "Fake 1000, driver 580.00"
    assert "provider openvino" not in findings  # this onnxruntime was built without it


def test_builds_that_do_not_match(found: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, "Traceback ...\nRuntimeError: operator torchvision::nms does not exist\n")
    finding = found("torchvision")
    assert finding.status == "problem"
    assert "different builds" in (finding.fix or "")


def test_nothing_installed(found: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, "ModuleNotFoundError: No module named 'torch'\n")
    assert found("torch").fix == "pip install torch"
    monkeypatch.setattr(doctor, "_installed", lambda package: False)
    assert found("onnxruntime").status == "problem"


def test_an_import_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "SECONDS", 0.05)
    done = doctor._python("import time; time.sleep(30)")
    assert done.returncode == 1
    assert "no answer within" in done.stderr


def test_both_wheels_of_onnxruntime(machine: Machine, found: Found) -> None:
    machine(wheels="onnxruntime onnxruntime-gpu")
    for name in ("onnxruntime", "CUDA"):
        assert found(name).status == "problem"
        assert "both wheels" in found(name).detail
        assert "pip uninstall -y onnxruntime onnxruntime-gpu" in (found(name).fix or "")


def test_a_gpu_with_the_cpu_wheel(machine: Machine, found: Found) -> None:
    machine(wheels="onnxruntime", listed=f"1.31.1 AzureExecutionProvider {CPU}\n")
    finding = found("CUDA")
    assert (finding.status, finding.detail) == ("note", "a GPU, but the CPU wheel of onnxruntime")
    assert (finding.fix or "").endswith("&& pip install 'onnxruntime-gpu[cuda,cudnn]'")


def test_a_fall_back_to_the_cpu_is_no_success(machine: Machine, found: Found) -> None:
    # ONNX Runtime raises nothing: the exit code is 0.
    machine(cuda=(0, f"{CPU}\n", FAILED.format("libcurand.so.10")))
    finding = found("CUDA")
    assert finding.status == "problem"
    assert "libcurand.so.10 is missing; this onnxruntime was built for CUDA 13.* and cuDNN 9.*" in finding.detail
    assert "pip install 'onnxruntime-gpu[cuda,cudnn]'" in (finding.fix or "")


def test_a_silent_fall_back_says_to_where(machine: Machine, found: Found) -> None:
    machine(cuda=(0, f"{CPU}\n", ""))
    assert "fell back to CPUExecutionProvider" in found("CUDA").detail


def test_a_provider_that_crashes_its_process(machine: Machine, found: Found) -> None:
    machine(cuda=(-11, "", ""))
    assert found("CUDA").detail == "no session opens on it: it failed without a message"


def test_tensorrt_is_listed_by_every_gpu_wheel(machine: Machine, found: Found) -> None:
    machine(tensorrt=(0, f"{CPU}\n", FAILED.format("libnvinfer.so.10").partition("\x1b[m")[0]))
    finding = found("provider tensorrt")
    assert finding.status == "note"
    assert finding.detail == (
        "does not load: Failed to load library libonnxruntime_providers_cuda.so with error: libnvinfer.so.10: "
        "cannot open shared object file: No such file or directory"
    )


def test_a_plugin_without_a_device_is_noted(
    machine: Machine, found: Found, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "onnxruntime_ep_webgpu.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    machine(driver=False, webgpu=(1, "", "Traceback\nkdbench.deploy.runtime.plugins.NoDevice: it finds no device\n"))
    finding = found("provider webgpu")
    assert (finding.status, finding.detail, finding.fix) == ("note", "it finds no device", None)


def test_another_provider_that_does_not_open(machine: Machine, found: Found) -> None:
    machine(listed=f"1.31.1 OpenVINOExecutionProvider {CPU}\n", openvino=(1, "", "RuntimeError: no device\n"))
    assert found("provider openvino").status == "problem"
    assert "RuntimeError: no device" in found("provider openvino").detail
    assert found("provider cpu").status == "ok"


def test_a_cpu_build_of_torch(machine: Machine, found: Found) -> None:
    machine(torch=(1, "None\n", "AssertionError: Torch not compiled with CUDA enabled\n"))
    finding = found("torch on CUDA")
    assert finding.status == "note"
    assert "pip install --force-reinstall torch torchvision" in (finding.fix or "")


def test_a_torch_that_cannot_use_its_cuda(machine: Machine, found: Found) -> None:
    machine(torch=(1, "13.2\n", NO_DRIVER))
    finding = found("torch on CUDA")
    assert finding.status == "problem"
    assert "built for CUDA 13.2" in finding.detail
    assert "--gpus all" in (finding.fix or "")


def test_clocks_that_are_held_down(machine: Machine, found: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    machine()
    install(monkeypatch, nvmlDeviceGetCurrentClocksEventReasons=0x1)  # idle is as it should be
    assert found("GPU").status == "ok"
    install(monkeypatch, nvmlDeviceGetCurrentClocksEventReasons=0x4 | 0x20)
    assert found("GPU").status == "note"
    assert found("GPU").detail.endswith("held down now by: power cap, software thermal slowdown")


def test_without_nvml_the_gpu_is_a_note(machine: Machine, found: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    machine()
    monkeypatch.setitem(sys.modules, "pynvml", None)
    for name in ("GPU", "energy of the GPU"):
        assert found(name).status == "note"
        assert "pip install 'kdbench[energy]'" in found(name).detail


def bus(root: Path, vendor: str, kind: str) -> None:
    device = root / "0000:01:00.0"
    device.mkdir()
    (device / "vendor").write_text(f"{vendor}\n")
    (device / "class").write_text(f"{kind}\n")


@pytest.mark.parametrize(
    ("vendor", "kind", "detail"),
    [
        ("0x10de", "0x030200", "an NVIDIA GPU, but no driver"),  # a 3D controller
        ("0x10de", "0x040300", "no NVIDIA driver"),  # the sound of a graphics card
        ("0x1002", "0x030000", "no NVIDIA driver"),  # AMD's
    ],
)
def test_no_driver(
    vendor: str,
    kind: str,
    detail: str,
    machine: Machine,
    found: Found,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine(driver=False)
    monkeypatch.setattr(doctor_cuda, "_PCI", tmp_path)
    bus(tmp_path, vendor, kind)
    finding = found("CUDA")
    assert finding.status == "note"
    assert finding.detail.startswith(detail)
    assert ("driver (Debian" in (finding.fix or "")) == detail.startswith("an NVIDIA GPU")


@pytest.mark.parametrize(
    ("said", "detail", "fix"),
    [
        (FAILED.format("libcublasLt.so.13"), "libcublasLt.so.13 is missing", "onnxruntime-gpu[cuda,cudnn]"),
        (FAILED.format("libcudnn.so.9"), "built for CUDA 13.* and cuDNN 9.*", "onnxruntime-gpu[cuda,cudnn]"),
        (FAILED.format("libcuda.so.1"), "driver's own library", "--gpus all"),
        ("ImportError: libcudnn.so.9: version `libcudnn_graph.so.9' not found", "another version", "--force-reinstall"),
        ("RuntimeError: CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH", "another version", "--force-reinstall"),
        (
            "CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version",
            "too old",
            "update the driver",
        ),
        (
            "CUDA failure 209: no kernel image is available for execution on the device",
            "no code for this GPU",
            "release",
        ),
        ("CUDA failure 2: out of memory ; GPU=0", "memory is full", "nvidia-smi"),
        ("something new", "something new", "onnxruntime-gpu[cuda,cudnn]"),
    ],
)
def test_each_error_has_its_fix(said: str, detail: str, fix: str) -> None:
    what, how = diagnose(said)
    assert detail in what
    assert fix in how


@pytest.mark.parametrize(
    ("visible", "fix"),
    [("7", "CUDA_VISIBLE_DEVICES=7 is set: unset it"), (None, "start the container with --gpus all")],
)
def test_a_hidden_gpu(visible: str | None, fix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert diagnose("CUDA failure 100: no CUDA-capable device is detected")[1] == fix
    assert diagnose("RuntimeError: No CUDA GPUs are available")[1] == fix


def test_the_last_words_name_no_folder() -> None:
    said = "Traceback\nOSError: /home/someone/lib/libx.so: file too short\n\n"
    assert last_words(said) == "OSError: libx.so: file too short"


def test_this_onnxruntime_opens_a_session_on_the_cpu() -> None:
    assert doctor._refusal("cpu") is None


def test_this_onnxruntime_does_not_fall_back_unnoticed() -> None:
    if "cuda" in str(doctor._onnxruntime()[1]).lower():
        pytest.skip("needs an onnxruntime without CUDA")
    assert "fell back to CPUExecutionProvider" in (doctor._refusal("cuda") or "")


def test_a_results_folder_that_cannot_be_written(machine: Machine, found: Found, tmp_path: Path) -> None:
    machine(driver=False)
    (tmp_path / "results").write_text("in the way")
    assert found("results folder").status == "problem"


@pytest.mark.parametrize(
    ("cpuinfo", "int8", "bfloat16"),
    [
        (ZEN3, ("note", "no VNNI: sums saturate, so weights take 7 bits"), ("note", "no instructions for it")),
        (ZEN4, ("ok", "avx512_vnni"), ("ok", "has instructions")),
        (ALDER_LAKE, ("ok", "avx_vnni"), ("note", "many times slower")),
        (None, ("note", "tells no instruction set"), ("note", "tells no instruction set")),
    ],
    ids=["Zen 3", "Zen 4", "Alder Lake", "unknown"],
)
def test_what_a_processor_lacks_is_told(
    monkeypatch: pytest.MonkeyPatch, cpuinfo: str | None, int8: tuple[str, str], bfloat16: tuple[str, str]
) -> None:
    linux(monkeypatch, cpuinfo)
    for finding, (status, word) in ((doctor._int8(), int8), (doctor._bfloat16(), bfloat16)):
        assert finding.status == status
        assert word in finding.detail
