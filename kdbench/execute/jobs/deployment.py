"""What runs inside a worker once models are exported: evaluate, make variants, time. The timing itself has no torch."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kdbench.deploy.runtime.evaluate import predict_all, score
from kdbench.deploy.runtime.session import BATCH
from kdbench.deploy.timing.jobs import NoAnswer
from kdbench.deploy.timing.latency import MOST_SAMPLES, cold_starts, energy_of, time_round
from kdbench.deploy.timing.throughput import sweep
from kdbench.execute.jobs.context import Job
from kdbench.execute.jobs.samples import chunks_of_test, rescale, samples_of_test
from kdbench.execute.workers.executors import Item
from kdbench.execute.workers.messages import (
    ColdStarted,
    DataDescribed,
    FileEvaluated,
    Message,
    RoundTimed,
    Swept,
    Unanswered,
)
from kdbench.spec import DataSpec, How
from kdbench.zoo.datasets.splits import Splits


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
