"""Carries out the jobs of evaluation: files on the test split under one condition, by all scores asked for."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from kdbench.deploy.runtime.evaluate import agree, predict_all, predict_timed, score
from kdbench.execute.jobs.context import Context
from kdbench.execute.jobs.metrics import NoFigure, compute_metric
from kdbench.execute.jobs.networks import load_deployed
from kdbench.execute.jobs.records import Done, EvaluateArtifacts, EvaluateFile
from kdbench.execute.jobs.samples import Change, chunks_of_test, rescale
from kdbench.results import ArtifactRecord, EvaluationRecord, Store, TrialRecord
from kdbench.results.keys import evaluation_key, score_name, unnamed
from kdbench.results.machine.facts import timestamp
from kdbench.results.predictions import Agreement, Predictions
from kdbench.spec import Choice, DataSpec, Lesson, Trial, content_key
from kdbench.train.build import BuiltView, build_view
from kdbench.train.instruction import combine_outputs
from kdbench.train.samples.batches import in_chunks
from kdbench.train.samples.condition import apply_condition
from kdbench.zoo.datasets.splits import Splits
from kdbench.zoo.interface import NotApplicable, Outputs

Logits = NDArray[np.float32]
Labels = NDArray[np.int64]


def evaluate_artifacts(job: EvaluateArtifacts) -> Done:
    """Predict, score and record: images are corrupted once for all artifacts, and attacked for each. Without a
    condition they are clean."""
    context = Context(job.setting)
    splits, condition = context.splits(job.data), job.condition
    artifacts = [context.store.read_artifact(key) for key in job.keys]
    try:
        predicted, labels, seconds = _predict(artifacts, condition, splits, context)
    except NotApplicable as reason:
        return Done(reason=str(reason))
    agreements = [None] * len(artifacts) if condition else _agreements(artifacts, predicted, splits, context)
    for artifact, all_logits, cpu, agreement in zip(artifacts, predicted, seconds, agreements, strict=True):
        trial = _trial_of(artifact, job.data, context)
        logits, own = _answered(trial, all_logits, labels, splits.classes)
        scores, missing = _scores(job.metrics, logits, own, context)
        key = evaluation_key(artifact.key, condition, job.metrics)
        record = EvaluationRecord(
            key=key,
            trial=artifact.trial,
            artifact=artifact.key,
            data="test",
            condition=unnamed(condition) if condition else None,
            head=None,
            predictions=score(logits, own),
            cpu_seconds=cpu,
            agreement=agreement,
            scores=scores,
            missing=missing,
            finished=timestamp(),
        )
        context.store.write(Store.EVALUATIONS, key, record)
        if condition is None:
            _record_heads(trial, record, all_logits, labels, splits.classes, context.store)
    return Done()


def _trial_of(artifact: ArtifactRecord, data: DataSpec, context: Context) -> Trial:
    """The trial of an artifact. Raises `UserError` where it was trained on this data as it was before it changed."""
    record = context.store.read_trial(artifact.trial)
    trial = record.trial
    context.refuse_changed(data, record.data_sha256 if trial.data == data else None)
    return trial


def _record_heads(
    trial: Trial, whole: EvaluationRecord, logits: Logits, labels: Labels, classes: int, store: Store
) -> None:
    """Each head of an artifact that has several: among its own columns, and among all."""
    for head in trial.answering:
        places = np.array(trial.columns((head,), classes).of_classes(classes))[labels]
        known, names = places >= 0, trial.deploys or tuple(each.name for each in trial.heads)
        before = sum(len(trial.columns((name,), classes).places) for name in names[: names.index(head)])
        among = logits[known].argmax(axis=1) == before + places[known]
        own = logits[known, before : before + len(trial.columns((head,), classes).places)]
        key = evaluation_key(whole.artifact, None, (), head=head)
        of_whole = {"cpu_seconds": None, "agreement": None, "scores": dict[str, float](), "missing": dict[str, str]()}
        own_figures = {"predictions": score(own, places[known]), "top1_among_all": float(among.mean())}
        record = whole.model_copy(update={"key": key, "head": head, **of_whole, **own_figures})
        store.write(Store.EVALUATIONS, key, record)


def _answered(trial: Trial, logits: Logits, labels: Labels, classes: int) -> tuple[Logits, Labels]:
    """Labels of the dataset as places among the columns [N, K] that a trial deploys, for the samples that have one."""
    if not trial.heads:
        return logits, labels
    places = _places(trial, labels, classes)
    return logits[places >= 0], places[places >= 0]


def _places(trial: Trial, labels: Labels, classes: int) -> Labels:
    """Labels of the dataset as places among the columns that a trial deploys; -1 for none."""
    return np.array(trial.columns(trial.deploys, classes).of_classes(classes))[labels]


def evaluate_file(job: EvaluateFile) -> Predictions:
    """A file that the user brought on the test split, scaled as it wants its images."""
    splits = Context(job.setting).splits(job.data)
    chunks = chunks_of_test(splits, rescale(splits, job.scale))
    (logits,), labels = predict_all([Path(job.onnx)], chunks, job.batch)
    return score(logits, labels)


def _predict(
    artifacts: Sequence[ArtifactRecord], condition: Choice | None, splits: Splits, context: Context
) -> tuple[list[Logits], Labels, Sequence[float | None]]:
    """The logits of each artifact, the labels, and the CPU seconds of a pass, which are measured on clean images."""
    files = [context.store.exported(artifact) for artifact in artifacts]
    if condition is None:
        return predict_timed(files, lambda: chunks_of_test(splits))
    view = build_view(condition, context.catalog, splits.task.inputs[0])
    if not view.attacks:
        logits, labels = predict_all(files, chunks_of_test(splits, _changing(view)))
        return logits, labels, [None] * len(files)
    # White-box: on the trained weights; the file is given the images that mislead the network it was exported from.
    found = [
        predict_all([file], chunks_of_test(splits, _attacking(view, artifact.trial, splits, context)))
        for file, artifact in zip(files, artifacts, strict=True)
    ]
    return [logits for (logits,), _ in found], found[0][1], [None] * len(files)


def _attacking(view: BuiltView, key: str, splits: Splits, context: Context) -> Change:
    """From normalized test images to what an attack on the trained network of a trial makes of them."""
    trial = context.store.read_trial(key).trial
    places = _places(trial, splits.test.labels.cpu().numpy(), splits.classes)
    return _changing(view, load_deployed(key, splits, context).to("cpu"), torch.from_numpy(places))


def _changing(view: BuiltView, network: nn.Module | None = None, labels: Tensor | None = None) -> Change:
    """From normalized test images to what the view shows of them."""

    def change(images: Tensor, at: int) -> Tensor:
        positions = torch.arange(at, at + len(images))
        # On the CPU wherever the data is: a GPU's cosine may differ in the last bits.
        return apply_condition(images.cpu(), positions, view, network, None if labels is None else labels[positions])

    return change


def _scores(
    metrics: Sequence[Choice], logits: Logits, labels: Labels, context: Context
) -> tuple[dict[str, float], dict[str, str]]:
    """The score by each metric, and why others are missing: one that fails leaves the others to be computed."""
    scores, missing = dict[str, float](), dict[str, str]()
    for metric in metrics:
        try:
            scores[score_name(metric)] = compute_metric(metric, logits, labels, context.catalog)
        except NoFigure as reason:
            missing[score_name(metric)] = str(reason)
    return scores, missing


def _agreements(
    artifacts: Sequence[ArtifactRecord], predicted: Sequence[Logits], splits: Splits, context: Context
) -> list[Agreement | None]:
    """Each exported file against its trial's teachers; none for variants and for trials without a teacher.

    The teachers' logits are computed once for all students that are taught by the same ones in the same way.
    """
    taught: dict[str, Logits] = {}
    found: list[Agreement | None] = []
    for artifact, logits in zip(artifacts, predicted, strict=True):
        lesson = _taught_lesson(context.store.read_trial(artifact.trial))
        if lesson is None or artifact.drift:
            found.append(None)
            continue
        of_logits = lesson.combine in (None, "logits")
        temperature = None if of_logits else lesson.loss.options.get("temperature")
        way = content_key([lesson.teachers, lesson.combine, temperature])
        if way not in taught:
            taught[way] = _teacher_logits(lesson, splits, context)
        found.append(agree(logits, taught[way]))
    return found


def _taught_lesson(record: TrialRecord) -> Lesson | None:
    """The first lesson of a trial that has a teacher; none of a trial with heads, of which each has its own."""
    trial = record.trial
    return next((lesson for lesson in trial.lessons if lesson.teachers and not trial.heads), None)


def _teacher_logits(lesson: Lesson, splits: Splits, context: Context) -> Logits:
    """Logits [N, classes] of a lesson's teachers on the clean test split, combined as they are in training.

    Computed by torch: a step between teacher and student has no exported file.
    """
    models = [load_deployed(key, splits, context) for key in lesson.teachers]
    with torch.no_grad():
        found = [
            combine_outputs([Outputs(model(images).float()) for model in models], lesson, labels).logits.cpu()
            for images, labels in in_chunks(splits.test, splits)
        ]
    logits: Logits = torch.cat(found).numpy()
    return logits
