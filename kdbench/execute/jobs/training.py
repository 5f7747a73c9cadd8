"""What runs inside a worker: check, train and export. Jobs in, messages out; the store in between."""

from collections.abc import Iterator, Mapping, Sequence

from pydantic import TypeAdapter
from safetensors.torch import load_file, save_file
from torch import nn

from kdbench.deploy.export.export import ExportError, export_onnx
from kdbench.deploy.export.parity import ParityError, check_parity
from kdbench.deploy.runtime.evaluate import Logits, agree, evaluate_onnx, predict_all
from kdbench.execute.jobs.cache import cache_of, room_for_cache
from kdbench.execute.jobs.context import Job
from kdbench.execute.jobs.samples import chunks_of_test, samples_of_test
from kdbench.execute.workers.executors import Item
from kdbench.execute.workers.messages import Checked, EpochFinished, Message, Noted, Probed, TrialEnded
from kdbench.results import Store, TrialRecord, machine_facts
from kdbench.results.machine.facts import timestamp
from kdbench.spec import Trial
from kdbench.train.build import Weights, build_model
from kdbench.train.faculty import Parents
from kdbench.train.loop import train_cohort
from kdbench.train.outcome import NotTrained, Trained
from kdbench.train.probe import seconds_per_step
from kdbench.train.rehearsal import rehearse, untrained
from kdbench.train.samples.batches import steps_per_epoch
from kdbench.zoo.datasets.splits import Splits
from kdbench.zoo.interface import NotApplicable

PARITY_SAMPLES = 256
TRIALS: TypeAdapter[tuple[Trial, ...]] = TypeAdapter(tuple[Trial, ...])


def check_trials(item: Item) -> Iterator[Message]:
    """Rehearse a trial on two samples, before any is trained: data, views, models and loss together."""
    job = Job(item)
    (trial,) = TRIALS.validate_python(item["trials"])
    splits = job.splits(trial.data)
    try:
        parents = TRIALS.validate_python(item["parents"])
        rehearse(trial, parents, splits, job.catalog, room_for_cache(trial, splits, job))
    except NotApplicable as reason:
        yield Checked(reason=str(reason))
    else:
        yield Checked(reason=None)


def train_trials(item: Item) -> Iterator[Message]:
    """Train one cohort; export, check, evaluate and record each of its models."""
    job = Job(item)
    trials = TRIALS.validate_python(item["trials"])
    splits = job.splits(trials[0].data)
    parents = _load_parents(TRIALS.validate_python(item["parents"]), trials, splits, job)
    notes: list[str] = []
    open_cache = cache_of(trials[0], splits, job, notes)
    training = train_cohort(trials, splits, job.catalog, parents, open_cache, processes=job.layout.processes)
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
    taught = _teacher_logits(trials[0], splits, job)
    for outcome in outcomes:
        yield _record(outcome, taught, splits, job)


def probe_step(item: Item) -> Iterator[Message]:
    """Time a trial's step on a few batches, as this process is set up, under an untrained teacher."""
    job = Job(item)
    (trial,) = TRIALS.validate_python(item["trials"])
    splits = job.splits(trial.data)
    parents = untrained(TRIALS.validate_python(item["parents"]), splits, job.catalog)
    step = seconds_per_step(trial, splits, parents, job.catalog)
    steps = steps_per_epoch(len(splits.train), trial.train.batch_size)
    yield Probed(epoch_seconds=steps * step if step else None)


def _load_parents(parents: Sequence[Trial], trials: Sequence[Trial], splits: Splits, job: Job) -> Parents:
    """The trained weights of the trials before a cohort, in the networks of those that teach it."""
    weights = {trial.key: load_file(job.store.trial_folder(trial.key) / Store.WEIGHTS) for trial in parents}
    asked = {key for trial in trials for key in trial.teachers}
    teachers = {trial.key: _build_trained(trial, weights, splits, job) for trial in parents if trial.key in asked}
    return Parents(teachers, weights)


def _build_trained(trial: Trial, weights: Mapping[str, Weights], splits: Splits, job: Job) -> nn.Module:
    model = build_model(trial.model, job.catalog, splits.classes, splits.shape, trial.seed)
    model.load_state_dict(weights[trial.key])
    return model.to(job.device)


def _record(outcome: Trained | NotTrained, taught: Logits | None, splits: Splits, job: Job) -> Message:
    key = outcome.trial.key
    if isinstance(outcome, NotTrained):
        return TrialEnded(key=key, status=outcome.status, reason=outcome.reason)
    model = outcome.model.to("cpu")
    try:
        with job.store.new_trial(key) as folder:
            save_file({name: value.contiguous() for name, value in model.state_dict().items()}, folder / Store.WEIGHTS)
            facts = export_onnx(model, splits.shape, folder / Store.ONNX)
            parity = check_parity(model, folder / Store.ONNX, samples_of_test(splits, PARITY_SAMPLES))
            test, logits = evaluate_onnx(folder / Store.ONNX, lambda: chunks_of_test(splits))
            record = TrialRecord(
                key=key,
                trial=outcome.trial.model_dump(mode="json"),
                curve=outcome.curve,
                selected_epoch=outcome.selected_epoch,
                stopped=outcome.stopped,
                training=outcome.cost.model_copy(update={"processes": job.layout.processes}),
                model=facts,
                parity=parity,
                test=test,
                agreement=None if taught is None else agree(logits, taught),
                data_sha256=splits.sha256(),
                classes=splits.classes,
                input_shape=splits.shape,
                input_mean=tuple(splits.mean.tolist()),
                input_std=tuple(splits.std.tolist()),
                environment=machine_facts(),
                finished=timestamp(),
            )
            (folder / Store.RECORD).write_text(record.model_dump_json(indent=1) + "\n", "utf-8")
    except (ExportError, ParityError) as error:
        return TrialEnded(key=key, status="failed", reason=str(error))
    return TrialEnded(key=key, status="done", top1=record.test.top1)


def _teacher_logits(trial: Trial, splits: Splits, job: Job) -> Logits | None:
    """What the cohort's teacher predicts of the test split, as exported; none without a teacher."""
    if not trial.teachers:
        return None
    (logits,), _ = predict_all([job.store.trial_folder(trial.teachers[0]) / Store.ONNX], chunks_of_test(splits))
    return logits
