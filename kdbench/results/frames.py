"""What was recorded of a run as data frames. What is computed from it: `kdbench.analyze.frames`."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kdbench.results.predictions import Predictions
from kdbench.results.records import ArtifactRecord, EvaluationRecord
from kdbench.results.result_set import ResultSet, TrialResult, load_suite_results
from kdbench.results.store import Store
from kdbench.spec import Entry, UserError

if TYPE_CHECKING:
    import pandas as pd


def entry_frame(results: ResultSet) -> "pd.DataFrame":
    """One row for each teacher and student of the suite whose trial is done: `frame` of docs/python.md."""
    import pandas as pd

    rows = [
        {**_names(results, entry), **_figures(result), **_scores(results, result.exported.clean)}
        for entry, result in results.done
    ]
    return pd.DataFrame(rows)


def curve_frame(results: ResultSet) -> "pd.DataFrame":
    """One row for each epoch of each of them: `curves` of docs/python.md."""
    import pandas as pd

    rows = [
        {**_names(results, entry), **point.model_dump(exclude={"readings"}), **_called("reading", point.readings)}
        for entry, result in results.done
        for point in result.curve
    ]
    return pd.DataFrame(rows)


def evaluation_frame(results: ResultSet) -> "pd.DataFrame":
    """One row for each of their exported files and variants, and each condition: `conditions` of docs/python.md."""
    import pandas as pd

    artifacts: dict[str, list[ArtifactRecord]] = {}
    for artifact in results.artifacts.values():
        artifacts.setdefault(artifact.trial, []).append(artifact)
    rows = [
        {
            **_names(results, entry),
            **_artifact_figures(artifact),
            "condition": condition.label if condition else "clean",
            "evaluation": evaluation.key,
            **_prediction_figures(evaluation.predictions),
            **_scores(results, evaluation),
        }
        for entry, _ in results.done
        for artifact in artifacts.get(entry.key, ())
        for condition in (None, *results.suite.conditions)
        if (evaluation := results.evaluation(artifact.key, condition))
    ]
    return pd.DataFrame(rows)


def _names(results: ResultSet, entry: Entry) -> dict[str, object]:
    """Which network it is. A teacher has a row and no loss, so that it is never taken for the student alone."""
    return {
        "suite": results.run.name,
        "pair": entry.pair,
        "row": entry.title,
        "role": entry.role,
        "model": entry.model,
        "loss": entry.loss if entry.role == "student" else None,
        "teaching": entry.teaching,
        "budget": entry.budget,
        "tuned": entry.tuned,
        "sweep": entry.sweep,
        **_called("setting", entry.settings),
        "seed": entry.seed,
        "key": entry.key,
    }


def _called(kind: str, values: Mapping[str, object]) -> dict[str, object]:
    """Each value in a column of its own: `reading temperature`."""
    return {f"{kind} {name}": value for name, value in values.items()}


def _artifact_figures(artifact: ArtifactRecord) -> dict[str, object]:
    return {
        "artifact": artifact.key,
        "variant": artifact.label,
        "architecture": artifact.model.architecture,
        "onnx_bytes": artifact.model.onnx_bytes,
        "largest_drift": artifact.drift.largest if artifact.drift else 0.0,
    }


def _prediction_figures(found: Predictions) -> dict[str, object]:
    return {"samples": found.samples, "top1": found.top1, "test_loss": found.loss, "brier": found.brier}


def _scores(results: ResultSet, evaluation: EvaluationRecord) -> dict[str, object]:
    return _called("metric", results.scores(evaluation))


def _figures(result: TrialResult) -> dict[str, object]:
    cost, test, model = result.training, result.test, result.model
    return {
        "top1": test.top1,
        "test_loss": test.loss,
        "validation_top1": result.record.validation_top1,
        "parameters": model.parameters,
        "flops": model.flops,
        "onnx_bytes": model.onnx_bytes,
        "architecture": model.architecture,
        "steps": cost.steps,
        "samples": cost.samples,
        "step_seconds": cost.step_seconds,
        "evaluation_seconds": cost.evaluation_seconds,
        "alone_seconds": result.alone_seconds,
        "shared_seconds": result.shared_seconds,
        "teacher_source": cost.teacher,
        "teacher_seconds": cost.teacher_seconds,
        "teacher_seconds_alone": cost.teacher_seconds_alone,
        "teacher_shared_by": cost.teacher_shared_by,
        "cohort": cost.cohort,
        "cohort_data_seconds": cost.data_seconds,
        "cohort_cpu_seconds": cost.cpu_seconds,
        "cohort_wall_seconds": cost.wall_seconds,
        "peak_memory_bytes": cost.peak_memory_bytes,
        "device": cost.device,
        "threads": cost.threads,
        "processes": cost.processes,
    }


def load(root: str | Path = "results", *, rows: Literal["entries", "evaluations"] = "entries") -> "pd.DataFrame":
    """Every result of each suite's latest run in a store, as `entry_frame` or `evaluation_frame` gives them."""
    import pandas as pd

    store = Store(Path(root))
    names = store.suites()
    if not names:
        raise UserError(f"no results in '{root}'", help="kdbench run SUITE writes them")
    frame_of = entry_frame if rows == "entries" else evaluation_frame
    return pd.concat([frame_of(load_suite_results(store, name)) for name in names], ignore_index=True)
