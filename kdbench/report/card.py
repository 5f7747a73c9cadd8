"""What goes with a deployed file: how its inputs are made, what its outputs mean, and a model card."""

from collections.abc import Sequence

from pydantic import JsonValue

from kdbench.analyze import Recommendation, Summary
from kdbench.analyze.decisions.deployable import Deployable
from kdbench.report.writing import formats as f
from kdbench.report.writing.markdown import markdown_code, markdown_text
from kdbench.results import TrialRecord

USE = '''import json

import numpy as np
import onnxruntime

how = json.load(open("preprocessing.json"))
labels = open("labels.txt").read().splitlines()
session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])


def classify(images):
    """Labels of raw images [N, C, H, W], values as in `how["raw"]`."""
    mean, std = (np.float32(how[name])[None, :, None, None] for name in ("mean", "std"))
    (logits,) = session.run([how["output"]], {how["input"]: (np.float32(images) - mean) / std})
    return [labels[column] for column in logits.argmax(axis=1)]'''


def preprocessing(record: TrialRecord) -> dict[str, JsonValue]:
    """How raw images become the file's inputs: (raw - mean) / std in each channel."""
    raw = record.task.inputs[0]
    return {
        "input": "images",
        "layout": "batch, channels, height, width",
        "shape": list(raw.shape),
        "dtype": "float32",
        "raw": {"dtype": raw.dtype, "lowest": raw.lowest, "highest": raw.highest},
        "mean": list(raw.mean),
        "std": list(raw.std),
        "output": "logits",
        "formula": "(raw - mean) / std, in each channel",
    }


def labels(record: TrialRecord) -> list[str]:
    """What each column of the file's output stands for: a class, or several joined by ' or '."""
    head, trial = record.task.heads[0], record.trial
    names = head.class_names or tuple(map(str, range(head.classes)))
    groups = trial.columns(trial.deploys, head.classes).groups
    return [" or ".join(names[label] for label in group) for group in groups]


def model_card(summary: Summary, told: Recommendation, chosen: Deployable) -> str:
    """Markdown: what the model is, how good, what it costs and gives up, how to use it, and where it comes from."""
    row, variant = chosen.row, chosen.variant
    parts = (
        "# " + markdown_text(", ".join([row.model, row.row, *([variant.variant] if variant else [])])),
        _answer(told, chosen),
        _table(_figures(summary, chosen)),
        *([_list("Gives up", told.gives_up), _list("Beware", told.caveats)] if _is_told(told, chosen) else []),
        f"## Use\n\n{markdown_code(USE, 'python')}",
        "## Origin\n\n" + _table(_origin(summary, chosen)),
        "Again:\n\n" + markdown_code(summary.command or f"kdbench run {summary.suite.name}", "sh"),
        "Whether the model may be used, and for what, follows from its data and from its teacher's; it has not been "
        "examined for bias.",
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _is_told(told: Recommendation, chosen: Deployable) -> bool:
    return chosen.row is told.student and chosen.variant is told.variant


def _answer(told: Recommendation, chosen: Deployable) -> str:
    if _is_told(told, chosen):
        return f"**{markdown_text(told.headline)}.** {markdown_text(told.reason)}"
    return f"Chosen by hand. The report says: **{markdown_text(told.headline)}.** {markdown_text(told.reason)}"


def _figures(summary: Summary, chosen: Deployable) -> list[tuple[str, str]]:
    row, variant = chosen.row, chosen.variant
    top1 = variant.top1 if variant else row.top1
    interval = f" ({f.percent_interval(top1.interval)} %, 95 % interval)" if top1.interval else ""
    found = [
        ("Test top-1 of this file", f"{f.percent(chosen.file.test.top1)} of {chosen.file.test.samples:,} samples"),
        ("Mean over seeds", f"{f.percent(top1.mean)}{interval}"),
        ("Parameters", f.count(row.parameters)),
        ("FLOPs", f"{f.count(row.flops)} per sample"),
        ("File", f"{chosen.file.model.onnx_bytes:,} bytes, ONNX opset {chosen.file.model.opset}"),
    ]
    if summary.reference and row.p50_microseconds and not variant:
        how = f"{summary.reference.how.label}, on {summary.machine.get('cpu')}"
        found.append(("Latency p50", f"{f.microseconds(row.p50_microseconds)} ({how})"))
    return found


def _origin(summary: Summary, chosen: Deployable) -> list[tuple[str, str]]:
    record, versions = chosen.trial.record, summary.machine.get("versions")
    packages = versions if isinstance(versions, dict) else {}
    listed = ", ".join(f"{name} {packages[name]}" for name in ("kdbench", "torch", "onnxruntime") if packages.get(name))
    return [
        ("Pair", chosen.row.pair),
        ("Data", f"{summary.suite.data.dataset.label}, {summary.classes} classes"),
        ("Suite and run", f"{summary.suite.name}, {summary.run_id}"),
        ("Trial, seed", f"{record.key}, {chosen.seed} (best on validation of {len(chosen.row.learned)})"),
        ("Trained", f"{record.finished}, {record.selected_epoch} epochs, {listed}"),
    ]


def _table(rows: Sequence[tuple[str, str]]) -> str:
    return "\n".join(("| | |", "|---|---|", *(f"| {name} | {markdown_text(value)} |" for name, value in rows)))


def _list(title: str, sentences: Sequence[str]) -> str:
    return "\n".join((f"## {title}", "", *(f"- {markdown_text(each)}" for each in sentences))) if sentences else ""
