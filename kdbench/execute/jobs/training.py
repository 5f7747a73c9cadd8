"""What runs inside a worker: rehearse, probe and train. Jobs in, messages out; the store in between."""

from collections.abc import Iterator

from pydantic import TypeAdapter
from safetensors.torch import save_file

from kdbench.deploy.export.export import hash_weights
from kdbench.execute.jobs.cache import cache_of, room_for_cache
from kdbench.execute.jobs.context import Job
from kdbench.execute.jobs.networks import load_parents
from kdbench.execute.workers.executors import Item
from kdbench.execute.workers.messages import Checked, EpochFinished, Message, Noted, Probed, TrialEnded
from kdbench.results import Store, TrialRecord, machine_facts
from kdbench.results.machine.facts import timestamp
from kdbench.spec import Trial
from kdbench.train.loop import train_cohort
from kdbench.train.outcome import NotTrained, Trained
from kdbench.train.probe import seconds_per_step
from kdbench.train.rehearsal import rehearse, untrained
from kdbench.train.samples.batches import steps_per_epoch
from kdbench.zoo.datasets.splits import Splits
from kdbench.zoo.interface import NotApplicable

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
    """Train one cohort, and record each of its trials with its weights."""
    job = Job(item)
    trials = TRIALS.validate_python(item["trials"])
    splits = job.splits(trials[0].data)
    parents = load_parents(trials, splits, job)
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
    for outcome in outcomes:
        yield _record(outcome, splits, job)


def probe_step(item: Item) -> Iterator[Message]:
    """Time a trial's step on a few batches, as this process is set up, under an untrained teacher."""
    job = Job(item)
    (trial,) = TRIALS.validate_python(item["trials"])
    splits = job.splits(trial.data)
    parents = untrained(TRIALS.validate_python(item["parents"]), splits, job.catalog)
    step = seconds_per_step(trial, splits, parents, job.catalog)
    steps = steps_per_epoch(len(splits.train), trial.train.batch_size)
    yield Probed(epoch_seconds=steps * step if step else None)


def _record(outcome: Trained | NotTrained, splits: Splits, job: Job) -> Message:
    key = outcome.trial.key
    if isinstance(outcome, NotTrained):
        return TrialEnded(key=key, status=outcome.status, reason=outcome.reason)
    model = outcome.model.to("cpu")
    record = TrialRecord(
        key=key,
        trial=outcome.trial.model_dump(mode="json"),
        curve=outcome.curve,
        selected_epoch=outcome.selected_epoch,
        stopped=outcome.stopped,
        training=outcome.cost.model_copy(update={"processes": job.layout.processes}),
        weights_sha256=hash_weights(model),
        data_sha256=splits.sha256(),
        task=splits.task,
        machine=machine_facts(),
        finished=timestamp(),
    )
    with job.store.new_trial(key) as folder:
        save_file({name: value.contiguous() for name, value in model.state_dict().items()}, folder / Store.WEIGHTS)
        (folder / Store.TRIAL).write_text(record.model_dump_json(indent=1) + "\n", "utf-8")
    return TrialEnded(key=key, status="done", top1=record.validation_top1)
