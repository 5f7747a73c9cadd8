"""ONNX files that the user brings: inspected, evaluated where data is given, and timed in turns with the first."""

import math
from collections.abc import Generator, Sequence
from pathlib import Path

import psutil

from kdbench.deploy.foreign.inspect import ForeignModel, inspect_model
from kdbench.execute.events import FileEvaluated, RunEvent
from kdbench.execute.jobs.records import DescribeData, EvaluateFile
from kdbench.execute.timing.samples import RandomSamples, RealSamples, Source
from kdbench.execute.timing.timing import Network, time_networks
from kdbench.execute.workers.job import Answer, Job, NoAnswer
from kdbench.execute.workers.messages import Noted
from kdbench.execute.workers.place import Place
from kdbench.results import LatencyRecord, Store, machine_facts
from kdbench.results.machine.facts import timestamp
from kdbench.results.measurement import MeasuredModel, Measurement
from kdbench.results.predictions import Predictions
from kdbench.results.timings import ThroughputRecord
from kdbench.spec import DataSpec, LatencySpec, UserError
from kdbench.spec.task import Pixels

Shape = tuple[int, int, int]
Models = dict[Path, ForeignModel]

BYTES_MADE = 12  # of one value of a made-up image: drawn in 64 bits, kept in 32


def measure_files(
    files: Sequence[Path],
    asked: LatencySpec,
    place: Place,
    *,
    data: DataSpec | None = None,
    scale: Pixels = "standard",
    shape: Shape | None = None,
) -> Generator[RunEvent, None, Measurement]:
    """Measure ONNX classifiers. `place.store` takes the records on the way.

    `shape` [C, H, W] is of made-up images, for models that take any size where there is no data. Raises `UserError`.
    """
    source: Source
    if data is None:
        models, size = _inspect_alone(files, shape)
        source = RandomSamples(size)
    else:
        job = DescribeData(setting=place.setting(), data=data)
        described = yield from _required(job, "the data could not be read", place)
        yield from (Noted(text=note) for note in described.notes)
        models, size = {file: inspect_model(file, described.shape) for file in files}, described.shape
        source = RealSamples(data, scale)
        _refuse_other_classes(models, described.classes)
    batch = _common_batch(models)
    if batch:
        asked = asked.model_copy(update={"batch_sizes": (batch,), "largest_batch": 1})
    _refuse_too_large_batches(asked, size)
    tests: dict[Path, Predictions] = {}
    if data:
        for file, model in models.items():
            alone = model.depends and model.fixed_batch is None
            tests[file] = yield from _evaluate(file, data, scale, 1 if alone else batch, place)
    networks = [_network(file, model) for file, model in models.items()]
    names = tuple(model.batch_name for model in models.values() if model.batch_name)
    timed = yield from time_networks(networks, networks[0], (), asked, source, place, names)
    latencies = (place.store.read(Store.LATENCY, key, LatencyRecord) for key in timed.latencies)
    throughputs = (place.store.read(Store.THROUGHPUT, key, ThroughputRecord) for key in timed.throughputs)
    return Measurement(
        models=tuple(_describe(file, model, tests.get(file)) for file, model in models.items()),
        data=data.model_dump(mode="json") if data else None,
        scale=scale,
        latency=asked.model_dump(mode="json"),
        latencies=tuple(record for record in latencies if record),
        throughputs=tuple(record for record in throughputs if record),
        not_measured=tuple(timed.missing),
        machine=machine_facts(),
        finished=timestamp(),
    )


def _evaluate(
    file: Path, data: DataSpec, scale: Pixels, batch: int | None, place: Place
) -> Generator[RunEvent, None, Predictions]:
    job = EvaluateFile(setting=place.setting(), data=data, onnx=str(file), scale=scale, batch=batch)
    test = yield from _required(job, f"'{file}' could not be evaluated", place)
    yield FileEvaluated(name=str(file), test=test)
    return test


def _required(job: Job[Answer], failed: str, place: Place) -> Generator[RunEvent, None, Answer]:
    """An answer without which nothing can follow. Raises `UserError`."""
    try:
        return (yield from place.ask(job))
    except NoAnswer as reason:
        help = "run it with --debug to see where"
        if "must be finite" in str(reason):
            help = "look for an overflow or a division by zero; without --data its cost is measured alone"
        raise UserError(f"{failed}: {reason}", help=help) from reason


def _inspect_alone(files: Sequence[Path], given: Shape | None) -> tuple[Models, Shape]:
    """The models and the size of the images to make up for them. Raises `UserError`."""
    models = {file: inspect_model(file) for file in files}
    shape = _common_shape(models, given)
    for file, model in models.items():
        if None in model.input_shape[1:]:
            models[file] = inspect_model(file, shape)  # its cost depends on the size, and it has not been run yet
    return models, shape


def _refuse_other_classes(models: Models, classes: int | None) -> None:
    for file, model in models.items():
        if None not in (classes, model.classes) and model.classes != classes:
            raise UserError(
                f"'{file}' tells {model.classes} classes apart, and the data has {classes}",
                help="measure it without --data, or with the dataset it was trained on",
            )


def _common_shape(models: Models, given: Shape | None) -> Shape:
    """The size of image that all models take. Raises `UserError`."""
    sizes = {file: model.input_shape[1:] for file, model in models.items()}
    for file, size in sizes.items() if given else ():
        if not _fits(size, given):
            raise UserError(
                f"'{file}' takes images of {_times(size)}, and --shape asks for {_times(given)}",
                help="leave out --shape, which is for models that take images of any size",
            )
    known = [{size[axis] for size in (*sizes.values(), given or ()) if size} - {None} for axis in range(3)]
    if any(len(each) > 1 for each in known):
        listed = ", ".join(f"'{file}' {_times(size)}" for file, size in sizes.items())
        raise UserError(f"the models take images of several sizes: {listed}", help="measure them one at a time")
    channels, height, width = (next(iter(each), None) for each in known)
    if channels is None or height is None or width is None:
        raise UserError(
            f"the models take images of {_times((channels, height, width))}, so the size must be given",
            help=f"write --shape {channels or 3}x{height or 224}x{width or 224}, say, or give --data DATASET",
        )
    return channels, height, width


def _fits(size: Sequence[int | None], given: Sequence[int] | None) -> bool:
    return given is None or all(wanted in (None, got) for wanted, got in zip(size, given, strict=True))


def _times(size: Sequence[int | None] | None) -> str:
    """`3 x any x any`, for a size [C, H, W] that is not known in full."""
    return "x".join(str(each or "any") for each in size or ())


def _refuse_too_large_batches(asked: LatencySpec, shape: Shape) -> None:
    """A batch that does not fit into memory would end this machine's processes, not only the measurement."""
    free = psutil.virtual_memory().available
    one = BYTES_MADE * math.prod(shape)
    for option, batch in (("--batch", max(asked.batch_sizes, default=1)), ("--largest-batch", asked.largest_batch)):
        if batch * one > free:
            raise UserError(
                f"{option} {batch}: so many images of {_times(shape)} take {batch * one / 2**30:,.1f} GiB, and "
                f"{free / 2**30:,.1f} GiB are free",
                help=f"allowed here are at most {free // one:,}",
            )


def _common_batch(models: Models) -> int | None:
    """The only batch size that the models take; None: any. Raises `UserError` where they contradict each other."""
    fixed = {file: model.fixed_batch for file, model in models.items() if model.fixed_batch}
    if len(set(fixed.values())) > 1:
        listed = ", ".join(f"'{file}' {batch}" for file, batch in fixed.items())
        raise UserError(
            f"the models were exported for different batch sizes: {listed}",
            help="export them with a batch dimension of any size, or measure them one at a time",
        )
    return next(iter(fixed.values()), None)


def _network(file: Path, model: ForeignModel) -> Network:
    """A file is an architecture of its own here: two with the same graph, or the same content, are timed as two."""
    return Network(str(file), str(file), str(file), file, model.sha256, model.flops or 0)


def _describe(file: Path, model: ForeignModel, test: Predictions | None) -> MeasuredModel:
    return MeasuredModel(
        name=str(file),
        input_shape=model.input_shape,
        fixed_batch=model.fixed_batch,
        classes=model.classes,
        parameters=model.parameters,
        flops=model.flops,
        flops_reason=model.flops_reason,
        onnx_bytes=model.onnx_bytes,
        onnx_sha256=model.sha256,
        operators=model.operators,
        opset=model.opset,
        notes=model.notes,
        test=test,
    )
