"""The commands that freeze what a check found as the new baseline."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from kdbench.analyze.gate.power import undetectable_gates, undetectable_slowdowns, unread_gates
from kdbench.results import Baseline, ResultSet
from kdbench.results.baselines.freezing import baseline_of
from kdbench.spec import PART


def rebaseline(baseline: Baseline, results: ResultSet, folder: Path, asked: str, options: Sequence[str]) -> str:
    """Run the suite as it was `asked` for, then freeze it in the place of the baseline, as that one was frozen.

    The run comes first because the results of `check --fresh` are deleted; where results were kept, it trains nothing.
    A suite that was made in Python has no command that runs it. `options` say where results and plug-ins are.
    """
    name = baseline.spec.name
    suite = name if PART in name or not asked else shlex.split(asked)[0]
    freeze = ["kdbench", "baseline", suite, *options, "--to", str(folder), "--replace"]
    freeze += ["--part"] if PART in name or results.run.failed else []
    freeze += ["--force"] if _refused(baseline_of(results), results) else []
    freeze += ["--teachers"] if any(model.onnx and model.role == "teacher" for model in baseline.models) else []
    if baseline.files:
        outside = baseline.files if "://" in baseline.files else os.path.normpath(folder / baseline.files)
        freeze += ["--files", outside]
    run = [f"kdbench run {asked} {shlex.join(options)}".rstrip()] if asked else []
    return " && ".join([*run, shlex.join(freeze)])


def _refused(baseline: Baseline, results: ResultSet) -> bool:
    """Whether a gate is finer than what these figures show."""
    finer = [*undetectable_gates(baseline), *undetectable_slowdowns(baseline, results.latencies)]
    return bool(finer or [*unread_gates(baseline)])
