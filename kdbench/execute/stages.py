"""What runs inside a worker: check, train and export, time, compare. Jobs in, messages out; the store in between."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from kdbench.deploy.compare import compare_latency
from kdbench.deploy.evaluate import evaluate_onnx
from kdbench.deploy.export import ExportError, export_onnx
from kdbench.deploy.latency import measure_latency
from kdbench.deploy.parity import ParityError, check_parity
from kdbench.execute.executors import Item
from kdbench.execute.job import Job
from kdbench.execute.messages import (
    Checked,
    Compared,
    EpochFinished,
    LatencyMeasured,
    LatencyMissing,
    Message,
    Noted,
    Probed,
    TrialEnded,
)
from kdbench.execute.teacher_outputs import cache_of, room_for_cache
from kdbench.results import NotMeasured, Store, TrialRecord, environment_facts, machine_fingerprint
from kdbench.results.store import latency_key
from kdbench.spec import DataSpec, Trial
from kdbench.train.batches import in_chunks, normalize, steps_per_epoch
from kdbench.train.build import build_model
from kdbench.train.loop import train_cohort
from kdbench.train.outcome import NotTrained, Trained
from kdbench.train.probe import seconds_per_step
from kdbench.train.rehearsal import rehearse
from kdbench.zoo.datasets.splits import Splits
from kdbench.zoo.interface import NotApplicable

PARITY_SAMPLES = 256
LATENCY_SAMPLES = 64  # real samples that a timed session cycles over; METHOD asks for 16 at least
TRIALS: TypeAdapter[tuple[Trial, ...]] = TypeAdapter(tuple[Trial, ...])


def check_trials(item: Item) -> Iterator[Message]:
    """Rehearse a trial on two samples, before any is trained: data, views, models and loss together."""
    job = Job(item)
    (trial,) = TRIALS.validate_python(item["trials"])
    splits = job.splits(trial.data)
    try:
        rehearse(trial, splits, job.catalog, room_for_cache(trial, splits, job))
    except NotApplicable as reason:
        yield Checked(reason=str(reason))
    else:
        yield Checked(reason=None)


def train_trials(item: Item) -> Iterator[Message]:
    """Train one cohort; export, check, evaluate and record each of its models."""
    job = Job(item)
    trials = TRIALS.validate_python(item["trials"])
    splits = job.splits(trials[0].data)
    teacher = _load_teacher(trials[0].teachers[0], splits, job) if trials[0].teachers else None
    notes: list[str] = []
    training = train_cohort(trials, splits, teacher, job.catalog, cache_of(trials[0], splits, job, notes))
    while True:
        try:
            progress = next(training)
        except StopIteration as end:
            outcomes = end.value
            break
        while notes:
            yield Noted(text=notes.pop())
        yield EpochFinished(
            key=progress.trial.key, epoch=progress.epoch, train_loss=progress.train_loss, top1=progress.top1
        )
    for outcome in outcomes:
        yield _record(outcome, splits, job)


def probe_step(item: Item) -> Iterator[Message]:
    """Time a trial's step on a few batches, as this process is set up, under an untrained teacher."""
    job = Job(item)
    (trial,) = TRIALS.validate_python(item["trials"])
    splits = job.splits(trial.data)
    guides = [build_model(t.model, job.catalog, splits.classes, splits.shape, t.seed) for t in trial.teachers]
    step = seconds_per_step(trial, splits, guides[0] if guides else None, job.catalog)
    steps = steps_per_epoch(len(splits.train), trial.train.batch_size)
    yield Probed(epoch_seconds=steps * step if step else None)


def _load_teacher(trial: Trial, splits: Splits, job: Job) -> nn.Module:
    model = build_model(trial.model, job.catalog, splits.classes, splits.shape, trial.seed)
    model.load_state_dict(load_file(job.store.trial_folder(trial.key) / Store.WEIGHTS))
    return model.to(job.device)


def _record(outcome: Trained | NotTrained, splits: Splits, job: Job) -> Message:
    key = outcome.trial.key
    if isinstance(outcome, NotTrained):
        return TrialEnded(key=key, status=outcome.status, reason=outcome.reason)
    model = outcome.model.to("cpu")
    try:
        with job.store.new_trial(key) as folder:
            save_file({name: value.contiguous() for name, value in model.state_dict().items()}, folder / Store.WEIGHTS)
            facts = export_onnx(model, splits.shape, folder / Store.ONNX)
            parity = check_parity(model, folder / Store.ONNX, _real_samples(splits, PARITY_SAMPLES))
            record = TrialRecord(
                key=key,
                trial=outcome.trial.model_dump(mode="json"),
                curve=outcome.curve,
                selected_epoch=outcome.selected_epoch,
                stopped=outcome.stopped,
                training=outcome.cost.model_copy(update={"processes": job.layout.processes}),
                model=facts,
                parity=parity,
                test=evaluate_onnx(folder / Store.ONNX, lambda: _test_chunks(splits)),
                data_sha256=splits.sha256(),
                classes=splits.classes,
                input_shape=splits.shape,
                input_mean=tuple(splits.mean.tolist()),
                input_std=tuple(splits.std.tolist()),
                environment=environment_facts(),
                finished=datetime.now(UTC).isoformat(timespec="seconds"),
            )
            (folder / Store.RECORD).write_text(record.model_dump_json(indent=1) + "\n", "utf-8")
    except (ExportError, ParityError) as error:
        return TrialEnded(key=key, status="failed", reason=str(error))
    return TrialEnded(key=key, status="done", top1=record.test.top1)


def _real_samples(splits: Splits, count: int) -> NDArray[np.float32]:
    """The first test images [N, C, H, W] as a deployed model gets them."""
    return _as_deployed(normalize(splits.test.images[:count], splits))


def _test_chunks(splits: Splits) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    """The test split as a deployed model gets it, in order: images [B, C, H, W] and labels [B]."""
    for images, labels in in_chunks(splits.test, splits, size=512):
        yield _as_deployed(images), labels.cpu().numpy()


def _as_deployed(images: Tensor) -> NDArray[np.float32]:
    return images.contiguous(memory_format=torch.contiguous_format).cpu().numpy()


def time_architectures(item: Item) -> Iterator[Message]:
    """Time ONNX files, one combination of provider, threads and batch after the other."""
    job = Job(item)
    splits = job.splits(DataSpec.model_validate_json(json.dumps(item["data"])))
    for wanted in item["combinations"]:
        architecture, how = wanted["architecture"], wanted["how"]
        images = _real_samples(splits, max(LATENCY_SAMPLES, how["batch"]))
        onnx = job.store.trial_folder(wanted["key"]) / Store.ONNX
        found = measure_latency(
            onnx,
            images,
            seconds=item["seconds"],
            architecture=architecture,
            environment=environment_facts(),
            **how,
        )
        if isinstance(found, NotMeasured):
            yield LatencyMissing(what=found)
            continue
        key = latency_key(architecture, **how, seconds=item["seconds"], machine=machine_fingerprint())
        job.store.write_latency(key, found)
        p50 = float(np.median(found.call_microseconds))
        yield LatencyMeasured(key=key, label=wanted["label"], **how, p50_microseconds=p50)


def compare_architectures(item: Item) -> Iterator[Message]:
    """One round of interleaved slices, candidate against reference ONNX."""
    job = Job(item)
    splits = job.splits(DataSpec.model_validate_json(json.dumps(item["data"])))
    images = _real_samples(splits, max(LATENCY_SAMPLES, item["how"]["batch"]))
    how = item["how"]
    found = compare_latency(Path(item["candidate"]), Path(item["reference"]), images, **how)
    yield LatencyMissing(what=found) if isinstance(found, NotMeasured) else Compared(sessions=found)
