"""What the benchmarks share: their arguments, their files of raw figures, and the processes that they start.

A benchmark is a sequence of named units. Its file is written after every unit, and a unit that the file holds is not
measured again, so a benchmark can be stopped and continued.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kdbench.results import machine_facts
from kdbench.results.store import write_whole

ROOT = Path(__file__).parent.parent
FOLDER = Path("results/benchmarks")
QUICK_FOLDER = FOLDER / "scratch"  # ignored by git
Unit = dict[str, Any]
Content = dict[str, Any]
_STATE = ("load_average", "cpu_pressure", "kdbench_source", "kdbench_commit")  # kept for each unit: they change


@dataclass(frozen=True)
class Measurement:
    """One unit: its name, how it is measured, and the facts that a stored unit must share to be kept."""

    name: str
    run: Callable[[], Unit]
    facts: Mapping[str, Any] = field(default_factory=dict)


class Figures:
    """The raw figures of a benchmark. Raises `SystemExit` where the file was measured with other options."""

    def __init__(self, path: Path, options: Mapping[str, Any]) -> None:
        self.path = path
        self.content: Content = {"options": options, "units": {}}
        if path.is_file():
            self.content = json.loads(path.read_text("utf-8"))
            if self.content["options"] != options:
                raise SystemExit(f"{path} was measured with {self.content['options']}, not {options}: move it away")
        self.content["machine"] = machine_facts()

    def measure(self, measurements: Iterable[Measurement]) -> None:
        """Measure what the file lacks, and save each unit with the state of the machine before it."""
        for one in measurements:
            stored = self.content["units"].get(one.name)
            if stored is not None and one.facts.items() <= stored.items():
                continue
            before, began = machine_facts(), time.perf_counter()
            unit = one.run()
            self.content["units"][one.name] = {**one.facts, **unit, **{name: before[name] for name in _STATE}}
            self.save()
            say(f"{one.name}: {time.perf_counter() - began:.1f} s")

    def save(self) -> None:
        write_whole(self.path, json.dumps(self.content, indent=1) + "\n")


def arguments(doc: str | None) -> argparse.ArgumentParser:
    """A parser with the options that every benchmark has, described by the first line of its docstring."""
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a short trial into a file that git ignores")
    parser.add_argument("--out", type=Path, help="the file of raw figures")
    return parser


def open_figures(name: str, given: argparse.Namespace, options: Mapping[str, Any]) -> Figures:
    """The file that the arguments ask for."""
    return Figures(given.out or figures_file(name, given.quick), options)


def figures_file(name: str, quick: bool = False) -> Path:
    return (QUICK_FOLDER if quick else FOLDER) / f"{name}.json"


def in_turns(sides: Sequence[str], repeat: int) -> Sequence[str]:
    """The sides forwards in even repeats and backwards in odd ones, so that a drift of the machine cancels."""
    return sides if repeat % 2 == 0 else sides[::-1]


def ask(module: str, *arguments: object, variables: Mapping[str, str]) -> Any:
    """The JSON in the last line that `python -m module` prints. Raises `SystemExit` where the module fails."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | variables, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{module}: exit code {done.returncode}\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().rpartition("\n")[2] or "null")


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
