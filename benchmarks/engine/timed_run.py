"""`python -m benchmarks.engine.timed_run SUITE STORE`: a `kdbench run` that also tells its waves; one JSON line.

It calls what the command line calls (`kdbench.api`), and listens to the run's messages: a wave of training is from the
message of its layout to the end of its last trial, its CPU time that of all worker processes in between. Export,
parity and test of the trials belong to the wave, rehearsal, probe of the layout, latency and report do not.
"""

import argparse
import json
import os
import resource
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.engine.processes import run_together
from kdbench import api
from kdbench.execute.workers.messages import LaidOut, Message, TrialEnded
from kdbench.results import ResultSet

PLUGINS = ("benchmarks.engine.datasets",)


@dataclass
class Wave:
    """Seconds of one wave of training, and the CPU seconds of its workers."""

    processes: int
    threads: int
    seconds: float = 0.0
    cpu_seconds: float = 0.0


class Waves:
    """Listens to a run."""

    def __init__(self) -> None:
        self.found: list[Wave] = []
        self.trained: list[str] = []
        self._began = self._cpu = 0.0

    def __call__(self, message: Message) -> None:
        if isinstance(message, LaidOut):
            self.found.append(Wave(message.layout.processes, message.layout.threads))
            self._began, self._cpu = time.perf_counter(), workers_cpu()
        if isinstance(message, TrialEnded):
            if message.status != "done":
                raise RuntimeError(f"trial {message.key}: {message.status}: {message.reason}")
            self.trained.append(message.key)
            self.found[-1].seconds = time.perf_counter() - self._began
            self.found[-1].cpu_seconds = workers_cpu() - self._cpu


def workers_cpu() -> float:
    """CPU seconds so far of the processes that this one started."""
    seconds = 0.0
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            times = child.cpu_times()
            seconds += times.user + times.system
    return seconds


def run(suite: Path, store: Path, data: Path, options: dict[str, Any]) -> dict[str, Any]:
    """One run, and what it cost."""
    from kdbench.cli.restrict import restrict

    began, waves = time.perf_counter(), Waves()
    wanted = restrict(api.load_suite(suite, PLUGINS), options.get("seeds"), None)
    place = api.place(store, data=data, plugins=PLUGINS, workers=options.get("workers"))
    found = api.run(wanted, place, waves)
    api.render(found, store / "reports")
    return {
        "run_seconds": time.perf_counter() - began,
        "cpu_seconds": sum(
            sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        ),
        "waves": [asdict(wave) for wave in waves.found],
        "trials": costs(found, waves.trained),
    }


def costs(found: ResultSet, keys: list[str]) -> list[dict[str, Any]]:
    """What the records of these trials say of their training. Raises `ValueError` where a teacher is among them."""
    if taught := [entry.key for entry in found.run.entries if entry.role == "teacher" and entry.key in keys]:
        raise ValueError(f"the teacher {taught[0]} was trained within the run that was to be timed")
    return [
        {"loss": entry.loss, "seed": entry.seed, **found.trials[entry.key].training.model_dump(mode="json")}
        for entry in found.run.entries
        if entry.key in keys
    ]


def in_fresh_process(suite: Path, store: Path, data: Path, **options: int | None) -> dict[str, Any]:
    """The same in a process of its own; `seconds` is the whole command, from its start to its end."""
    given = [f"--{name}={value}" for name, value in options.items() if value]
    command = ["benchmarks.engine.timed_run", str(suite), str(store), f"--data={data}", *given]
    (finished,) = run_together([command], os.environ)
    return {"seconds": finished.seconds, "peak_bytes": finished.peak_bytes, **finished.lines[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("suite", type=Path)
    parser.add_argument("store", type=Path)
    parser.add_argument("--data", type=Path, default=api.DEFAULT_DATA)
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--workers", type=int)
    given = vars(parser.parse_args())
    print(json.dumps(run(given.pop("suite"), given.pop("store"), given.pop("data"), given)), flush=True)


if __name__ == "__main__":
    main()
