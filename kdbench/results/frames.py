"""Results as data frames: a row for each entry of a suite, and a row for each evaluation."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kdbench.results.predictions import Predictions
from kdbench.results.records import ArtifactRecord, EvaluationRecord
from kdbench.results.result_set import ResultSet, TrialResult, load_suite_results
from kdbench.results.store import Store
from kdbench.spec import UserError

if TYPE_CHECKING:
    import pandas as pd


def entry_frame(results: ResultSet) -> "pd.DataFrame":
    """One row per entry of the suite whose trial is done; accuracies from 0 to 1, sizes in bytes.

    A metric of the suite has the column `metric NAME`, without a value where it could not be computed.
    """
    import pandas as pd

    rows = [
        {
            "suite": results.run.name,
            **entry.model_dump(),
            **_figures(result),
            **_scores(results, result.exported.clean),
        }
        for entry, result in results.done
    ]
    return pd.DataFrame(rows)


def evaluation_frame(results: ResultSet) -> "pd.DataFrame":
    """One row per entry, artifact and condition: predictions and scores of that file on the test split.

    `condition` is the suite's name for it, "clean" for none.
    """
    import pandas as pd

    artifacts: dict[str, list[ArtifactRecord]] = {}
    for artifact in results.artifacts.values():
        artifacts.setdefault(artifact.trial, []).append(artifact)
    rows = [
        {
            "suite": results.run.name,
            **entry.model_dump(),
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


def _scores(results: ResultSet, evaluation: EvaluationRecord) -> dict[str, float]:
    return {f"metric {label}": value for label, value in results.scores(evaluation).items()}


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
