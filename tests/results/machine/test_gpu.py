"""What NVML tells of a GPU, by a fake one: no figure of a GPU comes from these tests."""

import sys

import pytest

from kdbench.results.machine.gpu import NoGpu, gpu_state, nvml_device
from tests.results.fake_nvml import NVMLError, install


def test_all_that_is_told_has_its_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = install(monkeypatch, nvmlDeviceGetCurrentClocksEventReasons=0x4 | 0x40)
    assert gpu_state() == {
        "name": "Fake 1000",
        "driver": "580.00",
        "sm_mhz": 1980,
        "memory_mhz": 3201,
        "temperature_celsius": 54,
        "power_watts": 123.456,  # of 123,456 mW
        "slowed_by": ["power cap", "hardware thermal slowdown"],
        "unreadable": {},
    }
    assert fake.started == 0  # as often stopped as started


def test_a_reason_that_nobody_knows_yet_is_told_by_its_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, nvmlDeviceGetCurrentClocksEventReasons=0x1 | 0x800)
    assert gpu_state()["slowed_by"] == ["idle", "bits 0x800"]


def test_reasons_by_their_older_name(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = install(monkeypatch, nvmlDeviceGetCurrentClocksThrottleReasons=0x20)
    del fake.told["nvmlDeviceGetCurrentClocksEventReasons"]
    assert gpu_state()["slowed_by"] == ["software thermal slowdown"]


def test_one_figure_that_cannot_be_read_spoils_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, nvmlDeviceGetPowerUsage=NVMLError("Not Supported"))
    state = gpu_state()
    assert state["power_watts"] is None
    assert state["unreadable"] == {"power_watts": "Not Supported"}
    assert state["sm_mhz"] == 1980


def test_without_the_package_the_reason_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)  # as if it were not installed
    assert gpu_state() == {"reason": "nvidia-ml-py is not installed: pip install 'kdbench[energy]'"}


def test_without_a_driver_the_reason_is_nvmls(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, nvmlInit=NVMLError("NVML Shared Library Not Found"))
    assert gpu_state() == {"reason": "NVML does not start: NVML Shared Library Not Found"}


@pytest.mark.parametrize(
    ("visible", "order", "count", "device", "asked"),
    [
        (None, None, 1, 0, ("nvmlDeviceGetHandleByIndex", 0)),
        ("3,1", "PCI_BUS_ID", 4, 1, ("nvmlDeviceGetHandleByIndex", 1)),
        ("3,1", "PCI_BUS_ID", 4, 0, ("nvmlDeviceGetHandleByIndex", 3)),
        ("GPU-5a, GPU-7b", None, 4, 1, ("nvmlDeviceGetHandleByUUID", "GPU-7b")),
    ],
)
def test_the_gpu_that_cuda_means(
    visible: str | None,
    order: str | None,
    count: int,
    device: int,
    asked: tuple[str, object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = install(monkeypatch, nvmlDeviceGetCount=count)
    for name, value in (("CUDA_VISIBLE_DEVICES", visible), ("CUDA_DEVICE_ORDER", order)):
        if value is not None:
            monkeypatch.setenv(name, value)
    with nvml_device(device):
        assert fake.asked == [asked]


@pytest.mark.parametrize("visible", ["", "-1", "0"])
def test_a_gpu_that_cuda_does_not_see_is_not_told_of(visible: str, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with pytest.raises(NoGpu, match="hides GPU 1"), nvml_device(1):
        pass


def test_of_several_gpus_none_is_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    # CUDA counts the fastest first, NVML by the bus: number 0 may be two different ones.
    fake = install(monkeypatch, nvmlDeviceGetCount=2)
    with pytest.raises(NoGpu, match="set CUDA_DEVICE_ORDER=PCI_BUS_ID"), nvml_device(0):
        pass
    assert fake.started == 0
