"""How often the gate's verdicts are wrong on this machine: all trials."""

import math
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from kdbench.execute.events import RunEvent
from kdbench.execute.selftest.accuracy import accuracy_trials
from kdbench.execute.selftest.latency import Injection, latency_trials
from kdbench.execute.selftest.load import busy_processes
from kdbench.execute.workers.place import Place
from kdbench.results import machine_facts
from kdbench.results.machine.facts import timestamp
from kdbench.results.selftest import Judged, SelfTest

FEWER = 5  # of each slowdown so many times fewer trials: a miss is allowed five times as often as a false alarm


@dataclass(frozen=True)
class Asked:
    """What is tried: trials without a change, slowdowns, and a loss of accuracy."""

    trials: int  # without a change
    slower: tuple[float, ...]  # 1.1: a tenth more work
    points: float  # of top-1 that are lost, as a share
    margin: float  # of the latency gate where nothing changed; that of a slowdown is half of it
    busy: int  # processes that compute beside it


def selftest(asked: Asked, place: Place, note: Callable[[SelfTest], None]) -> Generator[RunEvent, None, None]:
    """Carry out all trials; `note` hears what those that have ended found, again and again, and at last of all.

    Those of accuracy, which take seconds, are first. Raises `NoAnswer` where nothing can be timed on this machine.
    """
    began, machine = time.perf_counter(), machine_facts()
    fewer = math.ceil(asked.trials / FEWER)
    injections = [Injection(1.0, asked.margin, asked.trials)]
    injections += [Injection(work, (work - 1) / 2, fewer) for work in asked.slower]
    drawn = tuple(accuracy_trials(asked.points, asked.trials))

    def tell(timed: Sequence[Judged]) -> None:
        seconds, judged = time.perf_counter() - began, (*timed, *drawn)
        note(SelfTest(judged=judged, busy=asked.busy, seconds=seconds, machine=machine, finished=timestamp()))

    tell(())
    with busy_processes(asked.busy):
        yield from latency_trials(injections, place, tell)
