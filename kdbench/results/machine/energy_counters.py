"""Counters of energy that a machine may have: NVML's of a GPU, RAPL's of the processor's packages."""

import threading
from pathlib import Path
from typing import Any, Protocol

from kdbench.results.machine.gpu import NoGpu, nvml_device
from kdbench.spec.types import ON_NVIDIA

POWERCAP = Path("/sys/class/powercap")
RAPL_PERIOD = 30.0  # seconds; a package's counter starts over after minutes: 65 kJ on some, 262 kJ on others


class NoCounter(Exception):
    """This machine has no counter of energy for the device; the text says why."""


class Counter(Protocol):
    """Counts the joules used since it was made."""

    source: str

    def joules(self) -> float: ...

    def close(self) -> None: ...


def open_counter(device: str) -> Counter:
    """The counter of a provider by its short name or of a torch device. Raises `NoCounter` with the reason."""
    kind, _, index = device.partition(":")
    if kind in ON_NVIDIA:
        return _Nvml(int(index or 0))
    if kind == "cpu":
        return _Rapl()
    raise NoCounter(f"no counter of energy is known for '{device}'")


def why_no_counter(device: str) -> str | None:
    """Why this machine has no counter of the device's energy, or None where it has one."""
    try:
        open_counter(device).close()
    except NoCounter as why:
        return str(why)
    return None


class _Nvml:
    """NVML's total energy of a whole GPU; it does not start over."""

    def __init__(self, device: int) -> None:
        self.device = device
        self.source = "NVML"
        self.start = self._millijoules()

    def joules(self) -> float:
        return (self._millijoules() - self.start) / 1e3

    def close(self) -> None:
        """Nothing to close: NVML is started for each reading."""

    def _millijoules(self) -> int:
        try:
            with nvml_device(self.device) as (nvml, handle):
                try:
                    if _divided(nvml, handle):
                        raise NoCounter("the GPU is divided (MIG), and its counter of energy counts all parts")
                    self.source = f"NVML, all of {nvml.nvmlDeviceGetName(handle)}"
                    return int(nvml.nvmlDeviceGetTotalEnergyConsumption(handle))
                except nvml.NVMLError as error:
                    raise NoCounter(f"this GPU does not report energy (those before Volta do not): {error}") from error
        except NoGpu as why:
            raise NoCounter(str(why)) from why


def _divided(nvml: Any, handle: Any) -> bool:
    """Whether the GPU is divided into instances (MIG)."""
    try:
        return bool(nvml.nvmlDeviceGetMigMode(handle)[0])
    except nvml.NVMLError:
        return False


class _Rapl:
    """The processor packages' energy, without the memory's. Read in the background too, since it starts over."""

    def __init__(self) -> None:
        self.domains = _packages()
        self.source = "RAPL, " + " + ".join(sorted(self.domains.values()))
        self.ranges = {domain: _read(domain / "max_energy_range_uj") for domain in self.domains}
        self.last = {domain: _read(domain / "energy_uj") for domain in self.domains}
        self.microjoules = 0
        self.lock, self.closed = threading.Lock(), threading.Event()
        threading.Thread(target=self._follow, daemon=True).start()

    def joules(self) -> float:
        with self.lock:
            for domain, last in self.last.items():
                now = _read(domain / "energy_uj")
                self.microjoules += now - last if now >= last else now - last + self.ranges[domain]
                self.last[domain] = now
            return self.microjoules / 1e6

    def close(self) -> None:
        self.closed.set()

    def _follow(self) -> None:
        while not self.closed.wait(RAPL_PERIOD):
            try:
                self.joules()
            except NoCounter:  # the next call of `joules` raises it again
                return


def _packages() -> dict[Path, str]:
    """The folders of the packages' counters, Intel's and AMD's alike, and their names: `intel-rapl:0` is package-0.

    Counters of parts of a package (`core` in `intel-rapl:0:0`) are left out, since the package's include them; so is
    `intel-rapl-mmio:0`, which counts the same package again.
    """
    folders = [path for path in sorted(POWERCAP.glob("intel-rapl:*")) if (path / "name").is_file()]
    named = {path: (path / "name").read_text("utf-8").strip() for path in folders}
    packages = {path: name for path, name in named.items() if name.startswith("package")}
    if not packages:
        raise NoCounter(f"no RAPL counter in {POWERCAP}: not Linux, a virtual machine, or a processor without one")
    return packages


def _read(path: Path) -> int:
    try:
        return int(path.read_text("ascii"))
    except PermissionError:
        raise NoCounter(
            f"{path} may be read by root alone (since 2020, CVE-2020-8694): "
            f"sudo chmod a+r {POWERCAP}/intel-rapl:*/energy_uj, until the next boot"
        ) from None
    except (OSError, ValueError) as error:
        raise NoCounter(f"{path} cannot be read: {error}") from error
