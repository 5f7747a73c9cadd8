"""What runs inside a worker once models are exported: evaluate, make variants, time. The timing itself has no torch."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter
from torch import Tensor

from kdbench.deploy.runtime.evaluate import predict_all, score
from kdbench.deploy.runtime.session import BATCH
from kdbench.deploy.timing.jobs import NoAnswer
from kdbench.deploy.timing.latency import MOST_SAMPLES, cold_starts, energy_of, time_round
from kdbench.deploy.timing.throughput import sweep
from kdbench.deploy.variants import make
from kdbench.deploy.variants.make import VariantError, drift, variant_facts
from kdbench.execute.jobs.context import Job
from kdbench.execute.jobs.metrics import NoFigure, compute_metric
from kdbench.execute.jobs.samples import chunks_of_test, rescale, samples_of_test, samples_of_training
from kdbench.execute.workers.executors import Item
from kdbench.execute.workers.messages import (
    ColdStarted,
    DataDescribed,
    Evaluated,
    FileEvaluated,
    Message,
    Noted,
    RoundTimed,
    Swept,
    Unanswered,
)
from kdbench.results import Store, machine_facts
from kdbench.results.machine.facts import timestamp
from kdbench.results.records import EnvironmentRecord, MetricRecord, VariantRecord
from kdbench.results.store import environment_key, metric_key, variant_key
from kdbench.spec import DataSpec, How, NamedChoice
from kdbench.spec.variants import Int8Static, NamedVariant, Variant
from kdbench.train.samples.condition import apply_condition
from kdbench.zoo.datasets.splits import Splits
from kdbench.zoo.interface import NotApplicable

VARIANT: TypeAdapter[Variant] = TypeAdapter(NamedVariant)


def evaluate_environment(item: Item) -> Iterator[Message]:
    """Exported models on one corruption of the test split: it is corrupted once for all of them."""
    job, splits = _job(item)
    environment = NamedChoice.model_validate(item["environment"])

    def corrupt(images: Tensor, at: int) -> Tensor:
        # On the CPU wherever the data is: a GPU's cosine may differ in the last bits.
        return apply_condition(images.cpu(), torch.arange(at, at + len(images)), environment, job.catalog)

    files = [job.store.trial_folder(key) / Store.ONNX for key in item["trials"]]
    try:
        logits, labels = predict_all(files, chunks_of_test(splits, corrupt))
    except NotApplicable as reason:
        yield Noted(text=f"environment '{environment.label}' was not evaluated: {reason}")
        return
    for key, found in zip(item["trials"], logits, strict=True):
        record = EnvironmentRecord(
            trial=key,
            environment=environment.label,
            choice=environment.model_dump(mode="json"),
            test=score(found, labels),
            finished=timestamp(),
        )
        job.store.write(Store.ENVIRONMENTS, environment_key(key, environment), record)
    yield Evaluated(what=f"environment {environment.label}", models=len(files), of=item["of"])


def compute_metrics(item: Item) -> Iterator[Message]:
    """Metrics of exported models on the test split. One that gives no figure is told, and costs no other its own."""
    job, splits = _job(item)
    metrics = [NamedChoice.model_validate(metric) for metric in item["metrics"]]
    files = [job.store.trial_folder(key) / Store.ONNX for key in item["trials"]]
    found, labels = predict_all(files, chunks_of_test(splits))
    for metric in metrics:
        computed = 0
        for key, logits in zip(item["trials"], found, strict=True):
            try:
                value = compute_metric(metric, logits, labels, job.catalog)
            except NoFigure as reason:
                yield Noted(text=f"metric '{metric.label}' was not computed: {reason}")
                continue
            record = MetricRecord(
                trial=key,
                metric=metric.label,
                choice=metric.model_dump(mode="json"),
                value=value,
                finished=timestamp(),
            )
            job.store.write(Store.METRICS, metric_key(key, metric), record)
            computed += 1
        if computed:
            yield Evaluated(what=f"metric {metric.label}", models=computed, of=item["of"][metric.label])


def make_variant(item: Item) -> Iterator[Message]:
    """One trial's model as a variant: the file, how far it drifts, and its accuracy."""
    job, splits = _job(item)
    variant = VARIANT.validate_python(item["variant"])
    source = job.store.trial_folder(item["trial"]) / Store.ONNX
    images = samples_of_training(splits, variant.samples if isinstance(variant, Int8Static) else 1)
    with TemporaryDirectory(prefix="kdbench-variant-") as folder:
        made = Path(folder) / "variant.onnx"
        try:
            make.make_variant(variant, source, made, images)
            record = _describe(item["trial"], variant, source, made, splits, job)
        except VariantError as reason:
            yield Noted(text=f"variant {variant.label} was not made: {reason}")
            return
        job.store.keep_variant(variant_key(item["trial"], variant), made, record)
    yield Evaluated(what=f"variant {variant.label}", models=1, of=item["of"])


def _describe(trial: str, variant: Variant, source: Path, made: Path, splits: Splits, job: Job) -> VariantRecord:
    (exported, logits), labels = predict_all([source, made], chunks_of_test(splits))
    drifted = drift(exported, logits)
    return VariantRecord(
        trial=trial,
        variant=variant.model_dump(mode="json"),
        label=variant.label,
        model=variant_facts(job.store.read_trial(trial).model, made),
        largest_drift=drifted.largest,
        flips=drifted.flips,
        test=score(logits, labels),
        environment=machine_facts(),
        finished=timestamp(),
    )


def start_cold(item: Item) -> Iterator[Message]:
    """Load and first run in fresh processes, and energy where there is a counter."""
    how, onnx = How.model_validate(item["how"]), Path(item["onnx"])
    given = (onnx, _images(item, how.batch), how, item.get("dimensions", [BATCH]))
    try:
        yield ColdStarted(starts=cold_starts(*given), energy=energy_of(*given))
    except NoAnswer as reason:
        yield Unanswered(reason=str(reason))


def time_pair(item: Item) -> Iterator[Message]:
    """One round of interleaved slices, candidate against reference."""
    how = How.model_validate(item["how"])
    images = _images(item, how.batch)
    try:
        names = item.get("dimensions", [BATCH])
        found = time_round(Path(item["candidate"]), Path(item["reference"]), images, how, dimensions=names)
    except NoAnswer as reason:
        yield Unanswered(reason=str(reason))
    else:
        yield RoundTimed(
            sessions=found.sessions,
            calls=found.calls,
            call_microseconds=found.call_microseconds,
            conditions=found.conditions,
        )


def sweep_batches(item: Item) -> Iterator[Message]:
    """Throughput against batch size."""
    how = How.model_validate(item["how"])
    images = _images(item, item["largest"])
    timed = []
    files = (Path(item["onnx"]), Path(item["reference"]))
    sweeping = sweep(*files, images, how, item["largest"], item.get("dimensions", [BATCH]))
    while True:
        try:
            timed.append(next(sweeping))
        except StopIteration as end:
            break_reason: str = end.value
            break
    if timed:
        yield Swept(label=item["label"], how=how, batches=tuple(timed), ended=break_reason)
    else:
        yield Unanswered(reason=break_reason)


def describe_data(item: Item) -> Iterator[Message]:
    """What images a dataset has."""
    splits = _job(item)[1]
    yield DataDescribed(shape=splits.shape, classes=splits.classes)


def evaluate_file(item: Item) -> Iterator[Message]:
    """A file that was brought along on the test split, scaled as it wants its images."""
    splits = _job(item)[1]
    chunks = chunks_of_test(splits, rescale(splits, item["scale"]))
    (logits,), labels = predict_all([Path(item["onnx"])], chunks, item["batch"])
    yield FileEvaluated(name=item["name"], test=score(logits, labels))


def _images(item: Item, batch: int) -> NDArray[np.float32]:
    """Real test samples, at least as many as a batch has; made up where only a shape is known."""
    count = max(MOST_SAMPLES, batch)
    if item["data"] is None:
        return np.random.default_rng(0).normal(size=(count, *item["shape"])).astype(np.float32)
    splits = _job(item)[1]
    return samples_of_test(splits, count, rescale(splits, item.get("scale", "standard")))


def _job(item: Item) -> tuple[Job, Splits]:
    job = Job(item)
    return job, job.splits(DataSpec.model_validate(item["data"]))
