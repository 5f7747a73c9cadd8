"""How often the gate's verdicts are wrong on this machine: all trials."""

import math
import time
from collections.abc import Generator
from dataclasses import dataclass

from kdbench.execute.events import RunEvent
from kdbench.execute.selftest.accuracy import accuracy_trials
from kdbench.execute.selftest.latency import Injection, latency_trials
from kdbench.execute.selftest.load import busy_processes
from kdbench.execute.workers.place import Place
from kdbench.results import machine_facts
from kdbench.results.machine.facts import timestamp
from kdbench.results.selftest import SelfTest

FEWER = 5  # of each slowdown so many times fewer trials: a miss is allowed five times as often as a false alarm


@dataclass(frozen=True)
class Asked:
    """What is tried: trials without a change, slowdowns, and a loss of accuracy."""

    trials: int  # without a change
    slower: tuple[float, ...]  # 1.1: a tenth more work
    points: float  # of top-1 that are lost, as a share
    margin: float  # of the latency gate where nothing changed; that of a slowdown is half of it
    busy: int  # processes that compute beside it


def selftest(asked: Asked, place: Place) -> Generator[RunEvent, None, SelfTest]:
    """Carry out all trials. Raises `NoAnswer` where nothing can be timed on this machine."""
    began, machine = time.perf_counter(), machine_facts()
    fewer = math.ceil(asked.trials / FEWER)
    injections = [Injection(1.0, asked.margin, asked.trials)]
    injections += [Injection(work, (work - 1) / 2, fewer) for work in asked.slower]
    with busy_processes(asked.busy):
        timed = yield from latency_trials(injections, place)
    return SelfTest(
        judged=(*timed, *accuracy_trials(asked.points, asked.trials)),
        busy=asked.busy,
        seconds=time.perf_counter() - began,
        machine=machine,
        finished=timestamp(),
    )
