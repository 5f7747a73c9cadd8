"""Carries out the jobs of training: rehearse, probe and train."""

from collections.abc import Generator
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from safetensors.torch import save
from torch import nn

from kdbench.deploy.export.export import ExportError, hash_weights
from kdbench.deploy.export.parity import ParityError, check_parity
from kdbench.execute.jobs.cache import cache_of, room_for_cache
from kdbench.execute.jobs.context import Context
from kdbench.execute.jobs.export import write_onnx
from kdbench.execute.jobs.given import refuse_bad_files, why_useless
from kdbench.execute.jobs.networks import load_parents
from kdbench.execute.jobs.records import CohortTrained, Probed, ProbeStep, RehearsalDone, Rehearse, TrainCohort
from kdbench.execute.jobs.samples import samples_of_test
from kdbench.execute.jobs.snapshots import StoredSnapshots
from kdbench.execute.workers.messages import EpochFinished, Noted, Progress
from kdbench.results import Outcome, Store, TrainingCost, TrialRecord, machine_facts
from kdbench.results.machine.facts import timestamp
from kdbench.spec import Trial
from kdbench.spec.generators import Followed
from kdbench.spec.task import Head, Task
from kdbench.train.ended import NotTrained, Trained
from kdbench.train.loop import train_cohort
from kdbench.train.rehearsing.probe import seconds_per_step
from kdbench.train.rehearsing.rehearsal import rehearse, untrained
from kdbench.train.samples.batches import steps_per_epoch
from kdbench.zoo.datasets.splits import Splits
from kdbench.zoo.interface import NoSuchLayer, NotApplicable

REHEARSED_SAMPLES = 4  # on which an untrained network is compared with its file


def rehearse_trial(job: Rehearse) -> RehearsalDone:
    """Rehearse a trial on two samples, before any is trained: data, views, models and loss together, and its file."""
    context = Context(job.setting)
    splits = context.splits(job.trial.data)
    context.refuse_changed(job.trial.data, job.data_sha256)
    try:
        _refuse_other_tasks(job, splits, context)
        refuse_bad_files((job.trial, *job.parents), splits)
        model = rehearse(job.trial, job.parents, splits, context.catalog, room_for_cache(job.trial, splits, context))
        if model and job.exported:
            _export_untrained(model, splits)
    except (NotApplicable, ExportError, ParityError) as reason:
        no_such_layer = isinstance(reason, NoSuchLayer)
        return RehearsalDone(reason=str(reason), notes=splits.notes, no_such_layer=no_such_layer)
    return RehearsalDone(notes=splits.notes)


def _export_untrained(model: nn.Module, splits: Splits) -> None:
    """Save and export a network, and compare the file with it. Raises `ExportError` and `ParityError`."""
    with TemporaryDirectory(prefix="kdbench-") as folder:
        _save_weights(model, Path(folder) / Store.WEIGHTS)
        file = Path(folder) / Store.ONNX
        write_onnx(model, splits.shape, file)
        check_parity(model, file, samples_of_test(splits, REHEARSED_SAMPLES))


def _save_weights(model: nn.Module, file: Path) -> None:
    """Every entry of the state dict, also where several are one tensor (tied weights)."""
    state = model.to("cpu").state_dict()
    content = {name: value.clone(memory_format=torch.contiguous_format) for name, value in state.items()}
    file.write_bytes(save(content))  # whose error of a full disk is an `OSError`, unlike that of `save_file`


def _refuse_other_tasks(job: Rehearse, splits: Splits, context: Context) -> None:
    """Raise `NotApplicable` for a parent on a dataset with images of another shape, or with another number of classes.

    Networks take the one and have a column for each of the other.
    """
    for parent in job.parents:
        if parent.data.dataset == job.trial.data.dataset:
            continue
        others = context.splits(parent.data)
        if (others.shape, others.classes) != (splits.shape, splits.classes):
            here, there = (
                f"{'x'.join(map(str, each.shape))} pixels and {each.classes} classes" for each in (splits, others)
            )
            raise NotApplicable(
                f"it needs a trial on '{parent.data.dataset.label}', whose images have {there}, and its own have "
                f"{here}: both must be alike"
            )


def probe_step(job: ProbeStep) -> Probed:
    """Time a trial's step on a few batches, as this process is set up, under untrained teachers."""
    context = Context(job.setting)
    splits = context.splits(job.trial.data)
    step = seconds_per_step(job.trial, splits, untrained(job.parents, splits, context.catalog), context.catalog)
    steps = steps_per_epoch(len(splits.train), job.trial.train.batch_size)
    return Probed(epoch_seconds=steps * step if step else None)


def train_trials(job: TrainCohort) -> Generator[Progress, None, CohortTrained]:
    """Train one cohort, and record each of its trials with its weights."""
    context = Context(job.setting)
    splits = context.splits(job.trials[0].data)
    parents = load_parents(job.trials, splits, context)
    notes: list[str] = []
    open_cache = cache_of(job.trials[0], splits, context, notes)
    processes = job.setting.layout.processes
    snapshots = StoredSnapshots(splits, context, notes)
    training = Followed(
        train_cohort(job.trials, splits, context.catalog, parents, open_cache, processes=processes, snapshots=snapshots)
    )
    for progress in training:
        while notes:
            yield Noted(text=notes.pop())
        yield EpochFinished(
            key=progress.trial.key, epoch=progress.epoch, train_loss=progress.train_loss, top1=progress.top1
        )
    outcomes = {each.trial.key: _record(each, splits, context) for each in training.result}
    snapshots.remove()
    return CohortTrained(outcomes=outcomes)


def _task(trial: Trial, splits: Splits) -> Task:
    """What the exported file of a trial computes: the dataset's head, or those that the trial deploys."""
    if not trial.heads:
        return splits.task
    heads = [
        Head(name=head.name, classes=len(head.columns(splits.classes)))
        for head in trial.heads
        if head.name in (trial.deploys or [head.name])
    ]
    return splits.task.model_copy(update={"heads": tuple(heads)})


def _cost(outcome: Trained, context: Context) -> TrainingCost:
    """What its training took. A trial that takes another head out of the same weights took as much as their trial."""
    trial = outcome.trial
    if trial.train.epochs == 0 and len(trial.start) == 1 and not trial.combine:
        return context.store.read_trial(trial.start[0]).training
    return outcome.cost.model_copy(update={"processes": context.setting.layout.processes})


def _record(outcome: Trained | NotTrained, splits: Splits, context: Context) -> Outcome:
    key = outcome.trial.key
    if isinstance(outcome, NotTrained):
        return Outcome(status=outcome.status, reason=outcome.reason)
    if reason := why_useless(outcome, splits):
        return Outcome(status="failed", reason=reason)
    model = outcome.model.to("cpu")
    record = TrialRecord(
        key=key,
        trial=outcome.trial,
        curve=outcome.curve,
        selected_epoch=outcome.selected_epoch,
        stopped=outcome.stopped,
        training=_cost(outcome, context),
        weights_sha256=hash_weights(model),
        data_sha256=splits.sha256(),
        task=_task(outcome.trial, splits),
        machine=machine_facts(),
        finished=timestamp(),
    )
    with context.store.new_trial(key) as folder:
        _save_weights(model, folder / Store.WEIGHTS)
        (folder / Store.TRIAL).write_text(record.model_dump_json(indent=1) + "\n", "utf-8")
    return Outcome(status="done")
