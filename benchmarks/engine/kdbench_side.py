"""kdbench's side: the sweep as a user runs it, `kdbench run SUITE`, in a new process with an empty store.

Only the teacher is in the store beforehand, since the other sides are given the teacher too. What is timed is the
whole command: planning, rehearsal, training, ONNX export, parity, test and report, which the other sides do not do.
"""

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.engine.assignment import Assignment
from benchmarks.engine.prepare import PLUGINS
from benchmarks.engine.processes import run_together
from kdbench.results import ResultSet, Store, load_run
from kdbench.spec import Trial

VIEWS = ("fresh", "bank", "shared")
VARIANTS = (*VIEWS, *(f"{views}-bfloat16" for views in VIEWS))


def measure(
    suite: Path, folder: Path, data: Path, views: str, epochs: int | None = None, seeds: int | None = None
) -> dict[str, Any]:
    """One sweep: the seconds and the memory of the command, and the costs and accuracies of its records."""
    assignment = Assignment.read(folder)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        variant = root / suite.name
        variant.write_text(vary(suite.read_text("utf-8"), views, epochs), "utf-8")
        trained = assignment.store / "trials" / assignment.teacher_key
        shutil.copytree(trained, root / "results" / "trials" / assignment.teacher_key)
        plugins = [word for plugin in PLUGINS for word in ("-p", plugin)]
        places = ["--results", str(root / "results"), "--reports", str(root / "reports"), "--data", str(data)]
        fewer = [f"--seeds={seeds}"] if seeds and seeds < len(assignment.seeds) else []
        command = ["kdbench", "run", str(variant), *places, *plugins, *fewer]
        (finished,) = run_together([command], os.environ)
        store = Store(root / "results")
        found = load_run(store, store.latest_run(store.suites()[0]))
    command_facts = {"command_seconds": round(finished.seconds, 3), "peak_bytes": finished.peak_bytes}
    return {"side": "kdbench", "views": views, **read_records(found, assignment), **command_facts}


def vary(suite: str, views: str, epochs: int | None) -> str:
    """A suite's text with other `views` and epochs for the students (`kdbench run --epochs` is for teachers, too).

    "shared-bfloat16" asks for shared views and that precision. Defaults are not written.
    """
    if epochs:
        suite = re.sub(r"^epochs = \d+$", f"epochs = {epochs}", suite, count=1, flags=re.MULTILINE)
    views, _, precision = views.partition("-")
    asked = {"views": views if views != "fresh" else "", "precision": precision}
    lines = "".join(f'{name} = "{value}"\n' for name, value in asked.items() if value)
    return suite.replace("[train]\n", f"[train]\n{lines}", 1)


def read_records(found: ResultSet, assignment: Assignment) -> dict[str, Any]:
    """Costs and accuracies of the students. Raises `ValueError` where a trial is missing or saw other samples."""
    runs = []
    for entry in found.run.entries:
        record = found.trials.get(entry.key)
        if record is None:
            raise ValueError(f"{entry.loss}, seed {entry.seed}: {found.run.outcomes[entry.key]}")
        if record.record.data_sha256 != assignment.data_sha256:
            raise ValueError("kdbench's samples are not those of the assignment")
        if entry.role == "teacher":
            if entry.key != assignment.teacher_key:
                raise ValueError("kdbench's teacher is not that of the assignment: prepare it again")
            continue
        cost = record.training
        runs.append(
            {
                "loss": Trial.model_validate(record.trial).lessons[0].loss.use,
                "seed": entry.seed,
                "steps": cost.steps,
                "step_seconds": cost.step_seconds,
                "teacher_seconds": cost.teacher_seconds,
                "wall_seconds": cost.wall_seconds,
                "cohort": cost.cohort,
                "peak_memory_bytes": cost.peak_memory_bytes,
                "test_top1": record.test.top1,
            }
        )
    if len(found.run.trained) != len(runs):
        raise ValueError(f"{len(found.run.trained)} trials were trained, {len(runs)} were to be timed")
    return {"runs": runs, "run_seconds": found.run.seconds}
