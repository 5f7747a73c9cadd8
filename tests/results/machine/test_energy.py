"""Energy by counters, on a machine that is made up: its clock, its power, its counters."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kdbench.results.machine import energy, energy_counters
from kdbench.results.machine.energy import EnergyMeter, metered
from kdbench.results.machine.energy_counters import NoCounter, open_counter
from kdbench.results.timings import Energy
from tests.results.fake_nvml import NVMLError, install

RANGE = 262_143_328_850  # microjoules, of an Intel server


class Machine:
    """A clock that stands still but for `spend`, and the joules that were spent. It stands in for `time`."""

    def __init__(self) -> None:
        self.now, self.joules = 1000.0, 0.0
        self.counted: Callable[[], None] = lambda: None

    def spend(self, seconds: float, watts: float) -> None:
        self.now += seconds
        self.joules += seconds * watts
        self.counted()

    def perf_counter(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.spend(seconds, watts=50.0)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(energy, "time", made)
    monkeypatch.setattr(energy, "_RESTED", {})
    return made


@pytest.fixture
def gpu(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A GPU whose counter has been running long before."""
    install(monkeypatch, nvmlDeviceGetTotalEnergyConsumption=lambda: 7_000_000 + round(1e3 * machine.joules))
    return machine


def domain(folder: Path, name: str, microjoules: float) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "name").write_text(f"{name}\n")
    (folder / "max_energy_range_uj").write_text(f"{RANGE}\n")
    (folder / "energy_uj").write_text(f"{round(microjoules)}\n")
    return folder


@pytest.fixture
def processor(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Two packages: a quarter of the power in one, whose counter starts over soon, the rest in the other."""
    monkeypatch.setattr(energy_counters, "POWERCAP", tmp_path)

    def count() -> None:
        domain(tmp_path / "intel-rapl:0", "package-0", (RANGE - 1e6 + 0.25e6 * machine.joules) % RANGE)
        domain(tmp_path / "intel-rapl:1", "package-1", 5e6 + 0.75e6 * machine.joules)
        # Within a package, told twice, or of more than the packages: not to be added.
        domain(tmp_path / "intel-rapl:0:0", "core", 0.1e6 * machine.joules)
        domain(tmp_path / "intel-rapl-mmio:0", "package-0", 0.25e6 * machine.joules)
        domain(tmp_path / "intel-rapl:2", "psys", 2e6 * machine.joules)

    machine.counted = count
    count()
    return machine


def busy(machine: Machine, seconds: float) -> Callable[[], int]:
    def work() -> int:
        machine.spend(seconds, watts=250.0)
        return 600

    return work


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_gpus_energy_and_its_rest(gpu: Machine, provider: str) -> None:
    found = metered(busy(gpu, 12.0), provider)
    assert found.joules == pytest.approx(3000.0)  # 12 s x 250 W
    assert found.idle_watts == pytest.approx(50.0)
    assert (found.seconds, found.units) == (12.0, 600)
    assert found.source == "NVML, all of Fake 1000"
    assert found.joules_per_unit == pytest.approx(4.0)  # (3000 - 12 x 50) / 600


def test_a_processors_packages_are_added_up_past_a_counters_end(processor: Machine) -> None:
    found = metered(busy(processor, 12.0), "cpu")
    assert found.joules == pytest.approx(3000.0, abs=1e-3)
    assert found.idle_watts == pytest.approx(50.0, abs=1e-3)  # in whose 150 J package-0 has started over
    assert found.source == "RAPL, package-0 + package-1"
    assert found.joules_per_unit == pytest.approx(4.0, abs=1e-5)


def test_a_counter_that_starts_over_again_and_again_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(energy_counters, "POWERCAP", tmp_path)
    monkeypatch.setattr(energy_counters, "RAPL_PERIOD", 0.001)
    folder = domain(tmp_path / "intel-rapl:0", "package-0", 0)
    counter = open_counter("cpu")
    try:
        for quarters in range(1, 11):  # two and a half times round
            microjoules = quarters * RANGE // 4 % RANGE
            (folder / "new").write_text(str(microjoules))
            (folder / "new").rename(folder / "energy_uj")
            end = time.monotonic() + 60
            while counter.last[folder] != microjoules and time.monotonic() < end:  # type: ignore[attr-defined]
                time.sleep(0.001)
        assert counter.joules() == pytest.approx(2.5 * RANGE / 1e6)
    finally:
        counter.close()


def no_work() -> int:
    raise AssertionError("without a counter nothing is to be done")


def test_without_a_counter_there_is_a_reason_and_no_work(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(energy_counters, "POWERCAP", tmp_path / "none")
    monkeypatch.setitem(sys.modules, "pynvml", None)
    processor, gpu, other = (metered(no_work, provider) for provider in ("cpu", "cuda", "coreml"))
    assert "no RAPL counter" in (processor.reason or "")
    assert gpu.reason == "nvidia-ml-py is not installed: pip install 'kdbench[energy]'"
    assert other.reason == "no counter of energy is known for 'coreml'"
    for told in (processor, gpu, other):
        assert told == Energy(reason=told.reason)  # no figure at all
    assert machine.now == 1000.0  # nor was anything waited for


def test_a_counter_that_only_root_may_read_names_the_way_out(
    processor: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_text = Path.read_text

    def refused(self: Path, *given: str) -> str:
        if self.name == "energy_uj":
            raise PermissionError(13, "Permission denied")
        return read_text(self, *given)

    monkeypatch.setattr(Path, "read_text", refused)
    reason = metered(no_work, "cpu").reason or ""
    assert "root alone" in reason
    assert f"sudo chmod a+r {tmp_path}/intel-rapl:*/energy_uj" in reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"nvmlDeviceGetTotalEnergyConsumption": NVMLError("Not Supported")}, "does not report energy"),
        ({"nvmlDeviceGetMigMode": [1, 1]}, "divided"),
        ({"nvmlInit": NVMLError("Driver Not Loaded")}, "Driver Not Loaded"),
    ],
)
def test_gpus_that_tell_nothing(
    machine: Machine, changes: dict[str, object], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, **changes)
    told = metered(no_work, "cuda")
    assert told.joules is None
    assert reason in (told.reason or "")


def test_work_too_short_for_the_counter_has_no_figure(gpu: Machine) -> None:
    told = metered(busy(gpu, 9.5), "cuda")
    assert told.joules is None
    assert told.reason == "9.5 s are too few for NVML, all of Fake 1000: at least 10"


def test_a_counter_that_breaks_in_between_leaves_a_reason(processor: Machine, tmp_path: Path) -> None:
    def work() -> int:
        (tmp_path / "intel-rapl:1" / "energy_uj").write_text("?")
        return 600

    told = metered(work, "cpu")
    assert told.joules is None
    assert "cannot be read" in (told.reason or "")


def test_an_error_of_the_work_is_not_swallowed(gpu: Machine) -> None:
    def work() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        metered(work, "cuda")


def test_a_meter_tells_what_was_spent_so_far(gpu: Machine) -> None:
    with EnergyMeter("cuda:0", processes=1) as meter:
        gpu.spend(10.0, watts=150.0)
        first = meter.read(100)
        gpu.spend(10.0, watts=250.0)
        second = meter.read(400)
    assert (first.joules, first.seconds, first.units) == (pytest.approx(1500.0), 10.0, 100)
    assert (second.joules, second.seconds, second.units) == (pytest.approx(4000.0), 20.0, 400)
    assert second.joules_per_unit == pytest.approx(7.5)  # (4000 - 20 x 50) / 400


def test_a_process_rests_once(gpu: Machine) -> None:
    EnergyMeter("cuda:0", processes=1)
    began = gpu.now
    second = EnergyMeter("cuda:0", processes=1)
    assert gpu.now == began
    gpu.spend(10.0, watts=150.0)
    assert second.read(1).idle_watts == pytest.approx(50.0)


def test_several_processes_on_one_counter_have_no_figure(gpu: Machine) -> None:
    began = gpu.now
    told = EnergyMeter("cuda:0", processes=2).read(100)
    assert told.joules is None
    assert "cannot be divided" in (told.reason or "")
    assert gpu.now == began


def test_a_meter_without_a_counter_says_why(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, nvmlInit=NVMLError("NVML Shared Library Not Found"))
    assert "NVML does not start" in (EnergyMeter("cuda:0", processes=1).read(1).reason or "")
    assert EnergyMeter("mps", processes=1).read(1).reason == "no counter of energy is known for 'mps'"
    with pytest.raises(NoCounter):
        open_counter("mps")
