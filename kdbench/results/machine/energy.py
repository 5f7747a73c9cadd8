"""Energy by a counter of the machine: NVML's of a GPU, or RAPL's of the processor. No counter, no figure.

Both count everything that runs on the device, whichever process started it. The power at rest is what they count over
`REST_SECONDS` before the work.
"""

import time
from collections.abc import Callable

from kdbench.results.machine.energy_counters import Counter, NoCounter, open_counter
from kdbench.results.timings import Energy

REST_SECONDS = 3.0
LEAST_SECONDS = 10.0  # of measured work: a GPU refreshes its counter only about ten times a second


def metered(work: Callable[[], int], provider: str) -> Energy:
    """Measure the power at rest, then the energy of `work`, which returns the number of samples it predicted.

    Without a counter the work is not done. The record then holds the reason, as it does for work that took less than
    `LEAST_SECONDS`.
    """
    try:
        counter = open_counter(provider)
    except NoCounter as why:
        return Energy(reason=str(why))
    try:
        idle_watts = power_at_rest(counter)
        joules, start = counter.joules(), time.perf_counter()
        units = work()
        return _record(counter, idle_watts, joules, start, units)
    except NoCounter as why:
        return Energy(reason=str(why))
    finally:
        counter.close()


class EnergyMeter:
    """The energy used since this was made; `read` returns it.

    `device` is torch's name. A counter cannot be divided among processes that use the device at the same time.
    Close it, or use it in a `with`.
    """

    def __init__(self, device: str, processes: int) -> None:
        self._counter: Counter | None = None
        self._reason = ""
        if processes > 1:
            self._reason = (
                f"{processes} processes trained at the same time, and the counter of {_whose(device)} cannot be "
                "divided among them"
            )
            return
        try:
            self._counter = open_counter(device)
            self._idle_watts = _idle_watts(device, self._counter)
            self._joules, self._start = self._counter.joules(), time.perf_counter()
        except NoCounter as why:
            self.close()
            self._reason = str(why)

    def __enter__(self) -> "EnergyMeter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, units: int) -> Energy:
        """The energy used since this was made, for so many `units` of work."""
        if self._counter is None:
            return Energy(reason=self._reason)
        try:
            return _record(self._counter, self._idle_watts, self._joules, self._start, units)
        except NoCounter as why:
            return Energy(reason=str(why))

    def close(self) -> None:
        if self._counter:
            self._counter.close()
            self._counter, self._reason = None, "the meter was closed"


def power_at_rest(counter: Counter) -> float:
    """Watts over a few seconds of doing nothing."""
    joules, start = counter.joules(), time.perf_counter()
    time.sleep(REST_SECONDS)
    spent = counter.joules() - joules
    return spent / (time.perf_counter() - start)


_RESTED: dict[str, float] = {}


def _idle_watts(device: str, counter: Counter) -> float:
    """The power at rest, measured once per process: it takes longer than some cohorts train."""
    if device not in _RESTED:
        _RESTED[device] = power_at_rest(counter)
    return _RESTED[device]


def _record(counter: Counter, idle_watts: float, joules: float, start: float, units: int) -> Energy:
    """The record of the work that began at `joules` and `start`, and ends now."""
    spent, seconds = counter.joules() - joules, time.perf_counter() - start
    if seconds < LEAST_SECONDS:
        return Energy(reason=f"{seconds:.1f} s are too few for {counter.source}: at least {LEAST_SECONDS:g}")
    return Energy(joules=spent, idle_watts=idle_watts, seconds=seconds, units=units, source=counter.source)


def _whose(device: str) -> str:
    return "the GPU" if device.startswith("cuda") else "the processor"
