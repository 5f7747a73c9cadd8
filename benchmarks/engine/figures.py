"""Raw figures in a JSON file, whole after every unit: what is in it already is not measured again."""

import json
import sys
import time
from pathlib import Path
from typing import Any

from kdbench.results import machine_facts
from kdbench.results.store import write_whole

FOLDER = Path("results/benchmarks")
Unit = dict[str, Any]
_NOW = ("load_average", "cpu_pressure", "kdbench_source", "kdbench_commit")  # of each unit: they change in between


class Figures:
    """The file. Raises `SystemExit` where it was measured with other options, which would mix what is not alike."""

    def __init__(self, path: Path, options: dict[str, Any]) -> None:
        self.path = path
        self.content: dict[str, Any] = {"options": options, "units": {}}
        if path.is_file():
            self.content = json.loads(path.read_text("utf-8"))
            if self.content["options"] != options:
                raise SystemExit(f"{path} was measured with {self.content['options']}, not {options}: move it away")
        self.content["environment"] = machine_facts()

    def __contains__(self, unit_id: str) -> bool:
        return unit_id in self.content["units"]

    def add(self, unit_id: str, unit: Unit, before: dict[str, Any]) -> None:
        """Keep a unit, with the load of the machine (`before` it) and the code that ran."""
        self.content["units"][unit_id] = {**unit, **{name: before[name] for name in _NOW}}
        self.save()

    def save(self) -> None:
        write_whole(self.path, json.dumps(self.content, indent=1) + "\n")


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
